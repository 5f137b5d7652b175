"""Reads an activation store with pandas, Polars and DuckDB and compares it with what Fluoro says it wrote.

    FLUORO_STORE_READBACK=/tmp/readback cargo test --release --test store other_programs_read_it
    python tests/parity/store_readback.py /tmp/readback

Exits with an error at the first difference. Needs pandas with pyarrow, polars and duckdb.
"""

import json
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl


def close(a, b):
    assert np.isclose(a, b, rtol=1e-6), (a, b)


def check_frame(read, store, want):
    """`read` gives a pandas frame of a file."""
    activations, films = read(store / "activations.parquet"), read(store / "films.parquet")
    peaks, features = read(store / "film_features.parquet"), read(store / "features.parquet")
    failed, latents = read(store / "failed.parquet"), read(store / "latents.parquet")
    for frame, count in [(activations, "activations"), (films, "films"), (peaks, "film_features"), (features, "features"), (failed, "failed")]:
        assert len(frame) == want[count], (count, len(frame), want[count])
    keys = activations[["feature", "film", "token"]].to_numpy()
    order = np.lexsort((keys[:, 2], keys[:, 1], keys[:, 0]))
    assert (order == np.arange(len(keys))).all() and not pd.DataFrame(keys).duplicated().any()
    assert (activations["value"] > 0).all() and (activations["token"] < want["tokens"]).all()
    close(activations["value"].astype("float64").sum(), want["value_sum"])
    assert activations["token"].sum() == want["token_sum"]
    assert films["film"].is_monotonic_increasing and films["film"].is_unique and failed["film"].is_monotonic_increasing
    assert not set(films["film"]) & set(failed["film"])
    close(films["Age"].astype("float64").sum(), want["age_sum"])
    for name, (known, present) in want["known"].items():
        assert films[name].notna().sum() == known and (films[name] == 1).sum() == present, name

    # Film activations and statistics, computed anew.
    expected = activations.groupby(["film", "feature"])["value"].max().reset_index()
    assert (expected[["film", "feature"]].to_numpy() == peaks[["film", "feature"]].to_numpy()).all()
    assert (expected["value"].to_numpy() == peaks["value"].to_numpy()).all()
    assert (features["feature"].to_numpy() == np.arange(want["features"])).all()
    counts = np.bincount(activations["feature"], minlength=want["features"])
    assert (features["rows"].to_numpy() == counts).all()
    assert (features["first_row"].to_numpy() == np.cumsum(counts) - counts).all()
    by_feature = {feature: group["value"].to_numpy() for feature, group in peaks.groupby("feature")}
    for row in features.to_dict("records"):
        values = by_feature.get(row["feature"], np.zeros(0, "float32")).astype("float64")
        everything = np.concatenate([np.zeros(want["films"] - len(values)), values])
        assert row["films"] == len(values)
        close(row["firing_rate"], len(values) / want["films"])
        assert np.allclose(row["quantiles"], np.quantile(everything, np.linspace(0, 1, 11)), rtol=1e-5, atol=1e-7), row
        if len(values):
            close(row["max"], values.max())
            close(row["mean"], values.mean())
            close(row["norm"], np.linalg.norm(values))
            assert (np.asarray(row["histogram"]) == np.histogram(values, 50, (0, values.max()))[0]).all(), row
    statistics = features[features["feature"] == 7].iloc[0]
    for name, value in want["statistics"].items():
        assert np.allclose(np.asarray(statistics[name], "float64"), value), name

    # The gallery of feature 7, from the two tables alone.
    top = peaks[peaks["feature"] == 7].sort_values(["value", "film"], ascending=[False, True]).head(20).merge(films, on="film")
    for (film, path, value), (_, row) in zip(want["top"], top.iterrows(), strict=True):
        assert (film, path) == (row["film"], row["path"]) and np.isclose(value, row["value"])

    assert len(latents) == want["films"] * want["tokens"]
    close(np.stack(latents["latent"].to_numpy()).astype("float64").sum(), want["latent_sum"])


def check_duckdb(store, want):
    """A question in SQL, on the files as they lie there."""
    sql = f"""select count(*), sum(a.value) from '{store}/activations.parquet' a join '{store}/films.parquet' f using (film)
              where f."AP view" is not null or f."AP view" is null"""
    count, total = duckdb.sql(sql).fetchall()[0]
    assert count == want["activations"]
    close(total, want["value_sum"])
    quantiles = duckdb.sql(f"select len(quantiles), len(histogram) from '{store}/features.parquet' limit 1").fetchall()[0]
    assert quantiles == (11, 50)


def main():
    home = Path(sys.argv[1])
    want, store = json.loads((home / "expected.json").read_text()), home / "store"
    check_frame(pd.read_parquet, store, want)
    check_frame(lambda path: pl.read_parquet(path).to_pandas(), store, want)
    check_frame(lambda path: duckdb.sql(f"select * from '{path}'").df(), store, want)
    check_duckdb(store, want)
    print(f"pandas {pd.__version__}, Polars {pl.__version__}, DuckDB {duckdb.__version__}: {want['activations']} activations agree")


if __name__ == "__main__":
    main()
