# Doxygen's filter of a page: its links to the project's files, which lead to files for a reader of the project, lead to their
# pages. root is the project's folder.
BEGIN {
    folder = ARGV[1]
    sub(/[^\/]*$/, "", folder)
    folder = substr(folder, length(root) + 2)  # "docs/"
}

# The page of a file, or what stands there if it has none.
function page_of(target, path) {
    path = folder target
    while (sub(/[^\/]+\/\.\.\//, "", path)) continue
    if (path ~ /^include\/bert\/.*\.hpp$/) return "@ref " substr(path, 9)
    if (path ~ /^examples\/lessons\/.*\/main\.cpp$/) {
        path = substr(path, 18)
        gsub(/_/, "__", path)
        sub(/\//, "_2", path)
        sub(/\./, "_8", path)
        return path "_source.html"
    }
    return target
}

/^```cpp ./ { $0 = "```cpp" }  # what stands behind it is for tests/docs/commands
/^ *```/ { in_code = !in_code }
{
    line = $0
    result = ""
    while (!in_code && match(line, /\]\([^)@#:]*\)/)) {
        text = substr(line, 1, RSTART - 1)
        target = page_of(substr(line, RSTART + 2, RLENGTH - 3))
        line = substr(line, RSTART + RLENGTH)
        if (target ~ /^@ref/ && match(text, /`[^`]*`$/))  # Doxygen would show the `
            text = substr(text, 1, RSTART - 1) substr(text, RSTART + 1, RLENGTH - 2)
        result = result text "](" target ")"
    }
    print result line
}
