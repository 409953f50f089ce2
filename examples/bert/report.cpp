#include "report.hpp"

#include <algorithm>

#include <bert/core/one_line.hpp>

namespace program {

namespace {

std::string group_of(const std::string& name)
{
    return name.substr(0, name.find('.'));  // train.loss and train.parameter.x are both in the group train
}

std::string verdict(const KindRow& row)
{
    if (row.count == 0) return "not compared";
    return row.failed == 0 ? "holds" : "FAILS: " + std::to_string(row.failed);
}

}  // namespace

std::vector<KindRow> rows_by_kind(const std::vector<bert::Comparison>& comparisons)
{
    std::vector<KindRow> rows;
    for (const char* kind : {"input", "forward", "loss", "grad", "train"}) {
        KindRow row;
        row.kind = kind;
        for (const bert::Comparison& comparison : comparisons) {
            if (group_of(comparison.name) != row.kind) continue;
            ++row.count;
            row.worst_error = std::max(row.worst_error, comparison.error);
            row.limit = std::max(row.limit, comparison.limit);
            row.failed += comparison.holds ? 0 : 1;
        }
        if (row.count > 0) rows.push_back(row);
    }
    return rows;
}

std::string comparison_table(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose)
{
    constexpr std::size_t most = 5;  // most messages to print, because one wrong tensor makes later ones wrong, too
    std::string text;
    std::size_t failed = 0;
    for (const bert::Comparison& comparison : comparisons)
        if (!comparison.holds && failed++ < most) text += "  " + bert::one_line(comparison.message, 1000) + "\n";
    if (failed > most) text += "  and " + std::to_string(failed - most) + " more\n";

    Table table(verbose ? "lrrl" : "lrrrl");
    if (verbose) {
        table.row({"  tensor", "error", "limit", "verdict"});
        for (const bert::Comparison& comparison : comparisons)
            table.row({"  " + bert::one_line(comparison.name), rounded(comparison.error), rounded(comparison.limit),
                       comparison.holds ? "holds" : "FAILS"});
        for (const KindRow& row : rows)
            if (row.count == 0) table.row({"  " + row.kind + ".*: " + std::to_string(row.not_compared), "", "", verdict(row)});
    } else {
        table.row({"  kind", "tensors", "worst error", "limit", "verdict"});
        for (const KindRow& row : rows) {
            const bool compared = row.count > 0;
            table.row({"  " + row.kind, std::to_string(row.count + row.not_compared), compared ? rounded(row.worst_error) : "",
                       compared ? rounded(row.limit) : "", verdict(row)});
        }
    }
    return text + table.text();
}

void add_comparisons(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose,
                     JsonObject& object)
{
    std::vector<JsonObject> kinds, tensors;
    std::vector<std::string> failures;
    for (const KindRow& row : rows) {
        JsonObject kind;
        kind.add("kind", row.kind).add("count", row.count + row.not_compared);
        if (row.count > 0) kind.add("worst_error", row.worst_error).add("limit", row.limit);
        kinds.push_back(kind.add("verdict", row.count == 0 ? "not compared" : row.failed == 0 ? "holds" : "fails"));
    }
    for (const bert::Comparison& comparison : comparisons) {
        if (!comparison.holds) failures.push_back(comparison.message);
        tensors.push_back(JsonObject()
                              .add("name", comparison.name)
                              .add("error", comparison.error)
                              .add("limit", comparison.limit)
                              .add("holds", comparison.holds));
    }
    object.add("kinds", kinds).add("failures", failures);
    if (verbose) object.add("tensors", tensors);
}

}  // namespace program
