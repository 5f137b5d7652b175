#!/bin/sh
# The six pictures of the window, 1600 x 1000, from a clean clone: films and stores are drawn and encoded first, into a
# folder of their own. Needs no display and no graphics card.
#
#     cargo build --release && assets/readme/scenes/make.sh [FOLDER]      # FOLDER: where films, stores and pictures go
#
# README.md shows two of them, edit.png and gallery.png, made small by small.py.
set -eu
scenes=$(cd "$(dirname "$0")" && pwd)
fluoro=${FLUORO:-$(cd "$scenes/../../.." && pwd)/target/release/fluoro}
folder=${1:-fluoro-scenes}
mkdir -p "$folder"
cd "$folder"

# Large films to read; one whose file ends too early.
[ -d films ] || "$fluoro" phantom -o films --count 8 --seed 7 --size 1024
mkdir -p damaged
cp films/images/0000000[1-6]_000.png damaged/
head -c 4000 films/images/00000004_000.png >damaged/00000004_000.png
# A store whose features are labelled from reports, and one of films where PORTABLE goes with cardiomegaly.
[ -d shelf ] || "$fluoro" phantom -o shelf --count 600 --seed 11
[ -d shelf.store ] || "$fluoro" encode shelf -o shelf.store --bundle phantom
"$fluoro" label shelf.store --reports shelf/reports.csv >label.txt
[ -d planted ] || "$fluoro" phantom -o planted --count 160 --seed 7 \
    -p 'portable|cardiomegaly=0.95' -p 'portable|!cardiomegaly=0.05'
[ -d planted.store ] || "$fluoro" encode planted -o planted.store --bundle phantom

picture() {
    name=$1
    shift
    "$fluoro" view --bundle phantom --device cpu "$@" --screenshot "$name.png" --script "$scenes/$name.ron"
}
picture review films/images --store shelf.store
picture edit films/images
picture gallery films/images --store planted.store --feature 136
picture shift --scene shift
picture audit --store planted.store --scene audit
picture error damaged
