# What the scripts share. Each begins with `source "$(dirname "$0")/common.sh"` and then stands in the project's folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

# Debian's packages: for the program and the tests (gdb: a test steps through a lesson), and what .ci/run needs beside them.
packages=(g++ cmake ninja-build pkg-config
          libxtensor-dev libxtensor-blas-dev libxsimd-dev libopenblas-dev libdnnl-dev nlohmann-json3-dev libcli11-dev catch2 gdb)
ci_packages=(clang clang-format libclang-rt-dev libomp-dev doxygen doxygen-awesome-css libjs-katex)

# install_packages PACKAGE...: installs what is missing, or says what to install and ends.
install_packages() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    local as_root=()
    if ((EUID != 0)); then
        as_root=(sudo -n)
        if ! sudo -n true 2>/dev/null; then
            echo "$0: packages are missing, and installing them needs root: apt-get install ${missing[*]}" >&2
            exit 2
        fi
    fi
    echo "Installing ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >/dev/null </dev/null
}

# progress: reads what ninja prints and shows how far it is, in place on a terminal, and elsewhere a line for each tenth. Lines
# that say nothing new are left out; all others, such as the messages of a compiler, are printed.
progress() {
    local line done all tenth=0 width=0
    while IFS= read -r line; do
        if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (Re-checking|Re-running)? ]]; then
            done=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}
            [[ ! ${BASH_REMATCH[3]} ]] || continue
            if [[ -t 1 ]]; then
                line="  $done of $all"
                printf '\r%s' "$line"
                width=${#line}
            elif ((done * 10 / all > tenth)); then
                tenth=$((done * 10 / all))
                echo "  $done of $all"
            fi
        elif [[ $line != "ninja: no work to do." ]]; then
            ((width == 0)) || printf '\r%*s\r' "$width" ''
            width=0
            printf '%s\n' "$line"
        fi
    done
    ((width == 0)) || printf '\r%*s\r' "$width" ''
}

# build PRESET [TARGET...]: configures and builds; shows progress and what goes wrong.
build() {
    local preset=$1 log
    shift
    echo "Building build/$preset (the first time takes minutes)"
    mkdir -p build
    log=build/$preset.configure.log
    cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
    NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" ${1:+--target "$@"} -- -k 0 | progress
}

# skips PRESET...: the lines in which the tests of these builds say what they left out, each once.
skips() {
    local preset
    for preset in "$@"; do
        sed -n '/^SKIPPED: /p' "build/$preset/Testing/Temporary/LastTest.log" 2>/dev/null || true
    done | sort -u
}
