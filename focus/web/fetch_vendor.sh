#!/usr/bin/env bash
# Fetches the kept third-party browser files again from the npm registry and checks them against SHA256SUMS.
# Run it by hand, never as part of a build: the files are in the repository, and no user needs Node.
set -euo pipefail
vendor="$(cd "$(dirname "$0")" && pwd)/static/vendor"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fetch() { # name version file...
    local name=$1 version=$2 archive
    shift 2
    archive=$(cd "$work" && npm pack --silent "$name@$version")
    mkdir -p "$work/$name" "$vendor/$name/$version"
    tar -xzf "$work/$archive" -C "$work/$name" --strip-components=1
    for file in "$@"; do cp "$work/$name/$file" "$vendor/$name/$version/"; done
}

# The face-landmark package is kept under a plain name, its large files gzipped as they are served. Its package has no
# licence file; it is under Apache-2.0, whose text lies beside it. Only the SIMD build is kept.
fetch_gzipped() { # name version folder file...
    local name=$1 version=$2 folder="$vendor/$3/$2" archive
    shift 3
    archive=$(cd "$work" && npm pack --silent "$name@$version")
    mkdir -p "$work/$name" "$folder"
    tar -xzf "$work/$archive" -C "$work/$name" --strip-components=1
    for file in "$@"; do
        if [ "$(stat -c %s "$work/$name/$file")" -gt 20000 ]; then
            gzip -9 -n -c "$work/$name/$file" > "$folder/$file.gz"
        else
            install -m 644 "$work/$name/$file" "$folder/$file"
        fi
    done
}

fetch socket.io-client 4.8.4 dist/socket.io.esm.min.js LICENSE
fetch uplot 1.6.32 dist/uPlot.esm.js dist/uPlot.min.css LICENSE
fetch_gzipped @mediapipe/face_mesh 0.4.1633559619 mediapipe-face-mesh \
    face_mesh.js face_mesh.binarypb face_mesh_solution_packed_assets.data face_mesh_solution_packed_assets_loader.js \
    face_mesh_solution_simd_wasm_bin.js face_mesh_solution_simd_wasm_bin.wasm

cd "$vendor"
sha256sum --check SHA256SUMS
