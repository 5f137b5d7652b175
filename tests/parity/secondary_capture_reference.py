"""Writes secondary_capture.json: what pydicom reads in the Secondary Captures that tests/tests/capture.rs wrote.

Run: FLUORO_CAPTURES=DIR cargo test --release --workspace --test capture, then
     python secondary_capture_reference.py DIR      (pydicom 3, numpy)
Checks each file against the attributes that DICOM PS3.3 requires (A.8.1, A.8.5 and the modules they name) and stops at the
first that is missing, empty where it may not be, or of another type; capture.rs compares the rest.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
import pydicom
from pydicom.uid import UID

# Modules of PS3.3: Patient C.7.1.1, General Study C.7.2.1, General Series C.7.3.1, General Equipment C.7.5.1, SC Equipment
# C.8.6.1, General Image C.7.6.1, Image Pixel C.7.6.3, SOP Common C.12.1. Type 1: there, not empty. Type 2: there.
TYPE_1 = (
    "StudyInstanceUID Modality SeriesInstanceUID ConversionType SamplesPerPixel PhotometricInterpretation Rows Columns "
    "BitsAllocated BitsStored HighBit PixelRepresentation PlanarConfiguration PixelData SOPClassUID SOPInstanceUID "
    "SpecificCharacterSet ImageType"
).split()
TYPE_2 = (
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID AccessionNumber "
    "SeriesNumber InstanceNumber Manufacturer PatientOrientation"
).split()
# Multi-frame C.7.6.6, Cine C.7.6.5, SC Multi-frame Image C.8.6.3.
MULTI_FRAME_TYPE_1 = "NumberOfFrames FrameIncrementPointer FrameTime BurnedInAnnotation".split()
# What must not be there in a file that names nobody.
NOBODY = "OtherPatientIDs InstitutionName SourceImageSequence PatientAge StationName OperatorsName".split()
SINGLE, MULTI = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"


def check(data, name):
    for keyword in TYPE_1:
        assert keyword in data and data[keyword].value not in ("", None), f"{name}: {keyword} is missing or empty"
    for keyword in TYPE_2:
        assert keyword in data, f"{name}: {keyword} is missing"
    assert data.file_meta.MediaStorageSOPClassUID == data.SOPClassUID
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
    assert list(data.ImageType)[:2] == ["DERIVED", "SECONDARY"]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        uid = UID(data[keyword].value)
        assert uid.is_valid and (uid.startswith("2.25.") or data.get("PatientIdentityRemoved") == "NO"), f"{name}: {uid}"
    frames = int(data.get("NumberOfFrames", 1))
    assert data.SOPClassUID == (MULTI if frames > 1 else SINGLE)
    if frames > 1:
        for keyword in MULTI_FRAME_TYPE_1:
            assert keyword in data and data[keyword].value not in ("", None), f"{name}: {keyword} is missing or empty"
        assert data.FrameIncrementPointer == 0x00181063
    assert "PixelSpacing" not in data and "ImagerPixelSpacing" not in data
    if data.PatientIdentityRemoved == "YES":
        assert data.get("DeidentificationMethod"), f"{name}: how it was de-identified is not said"
        assert not any(keyword in data for keyword in NOBODY) and str(data.PatientName) == "ANONYMOUS"
        assert not [element for element in data if element.VR in ("DA", "TM", "DT") and element.value]
    assert len(data.PixelData) % 2 == 0


def read(path):
    # Values that do not fit their type raise instead of warning.
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    data = pydicom.dcmread(path)
    check(data, path.name)
    pixels = data.pixel_array
    frames = int(data.get("NumberOfFrames", 1))
    expected = (data.Rows, data.Columns, 3) if frames == 1 else (frames, data.Rows, data.Columns, 3)
    assert pixels.dtype == np.uint8 and pixels.shape == expected
    values = {}
    for element in data:
        if element.keyword and element.VR not in ("OB", "SQ"):
            value = element.value
            text = value if isinstance(value, str) else None
            if element.VR == "AT":
                text = f"({value >> 16:04X},{value & 0xFFFF:04X})"
            elif text is None and hasattr(value, "__iter__") and not isinstance(value, (str, pydicom.valuerep.PersonName)):
                text = "\\".join(str(part) for part in value)
            elif text is None:
                text = "" if value is None else str(value)
            values[element.keyword] = text
    values.pop("SoftwareVersions", None)
    values.pop("SecondaryCaptureDeviceSoftwareVersions", None)
    return {"values": values, "frames": frames, "pixels_sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}


def main():
    folder = pathlib.Path(sys.argv[1])
    found = {path.name: read(path) for path in sorted(folder.glob("*.dcm"))}
    assert found, f"no .dcm files in {folder}"
    versions = {name: importlib.metadata.version(name) for name in ("pydicom", "numpy")}
    out = pathlib.Path(__file__).with_name("secondary_capture.json")
    out.write_text(json.dumps({"versions": versions, "files": found}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(found)} files read and checked; {out.name} written")


main()
