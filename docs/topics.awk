# Doxygen's filter of headers and of topics.dox, which lists each topic's headers: a header and what it declares get their topic, so
# that headers don't name topics; the list of a topic becomes a table of its headers. Lines of headers keep their numbers. root is
# the project's folder.
BEGIN {
    headers = root "/include/bert/"
    while ((getline line < (root "/docs/topics.dox")) > 0) {
        if (match(line, /@defgroup [a-z_]+/)) name = substr(line, RSTART + 10, RLENGTH - 10)
        if (line !~ /^\/\/! /) continue
        count = split(substr(line, 5), words, " ")
        for (i = 1; i <= count; ++i) {
            place[++places] = words[i]
            topic[words[i]] = name
        }
    }
}

# The place that a header is listed under: its file, or the innermost of its folders.
function place_of(header, i, result) {
    for (i in place)
        if (index(header, place[i]) == 1 && length(place[i]) > length(result)) result = place[i]
    return result
}

# One row for each header that is listed under a place.
function print_rows(listed, command, header) {
    command = "cd " headers " && find " listed " -name '*.hpp' | sort"
    while ((command | getline header) > 0)
        if (place_of(header) == listed) print "| [" header "](@ref bert/" header ") | @copybrief bert/" header " |"
}

FNR == 1 {
    header = FILENAME
    is_header = sub(/.*\/include\/bert\//, "", header)
    group = topic[place_of(header)]
}
/^\/\/! / {
    if (!in_table) print "/** @addtogroup " name "\n\n| header | contents |\n| --- | --- |"
    in_table = 1
    count = split(substr($0, 5), words, " ")
    for (i = 1; i <= count; ++i) print_rows(words[i])
    next
}
in_table { print "*/"; in_table = 0 }
!is_header && match($0, /@defgroup [a-z_]+/) { name = substr($0, RSTART + 10, RLENGTH - 10) }
is_header && /^#pragma once$/ { pragma = FNR; print "/** @file"; next }
pragma && FNR == pragma + 1 && $0 == "" {
    # Doxygen stops at a reference that leads nowhere.
    print " *  " (group == "" ? "@ref a_topic_that_docs_topics_dox_lists" : "@ingroup " group) " */"
    next
}
group == "" { print; next }
is_header && /^namespace bert.*{$/ { print $0 "  /** @addtogroup " group " */ /** @{ */"; next }
is_header && /^}  \/\/ namespace bert/ { print "/** @} */ " $0; next }
{ print }
END { if (in_table) print "*/" }
