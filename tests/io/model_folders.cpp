// Model folders whose configuration is odd in one way each, held to what the transformers library makes of them
// (reference_outputs/folders/models).
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/io/model_folder.hpp"
#include "catch.hpp"
#include "folders.hpp"

namespace {

using nlohmann::json;
using Names = std::set<std::string>;
using Model = bert::Model<double, bert::Reference>;

/// Folders that the library refuses and we read.
const Names read_all_the_same{
    "labels_null_number",    // null stands for the default
    "class_type_null",       //
    "class_type_absent",     // a model is BERT unless it says otherwise
    "dtype_torch_half",      // the type of what would be written; another one is a warning
    "dtype_old_torch_half",  //
    "dtype_auto",            //
    "dtype_old_auto",        //
    "dtype_integer",         //
    "dtype_unknown",         //
};

/// Folders that the library reads and we refuse, with one line.
const Names refused{
    "labels_none",              // a classifier of another size, which the library refuses when it is asked for
    "labels_fewer",             //
    "labels_more",              //
    "labels_too_few_alone",     //
    "labels_inverse_only",      //
    "labels_old_number",        //
    "labels_same_key",          //
    "labels_zero",              // a classifier without classes
    "labels_negative_number",   //
    "class_two",                // the first class counts; the file has the other one's head
    "class_number",             // no name
    "class_type_roberta",       // models that aren't BERT
    "class_type_distilbert",    //
    "position_relative",        // the library ignores it: a model that was trained so is computed wrong
    "position_relative_query",  //
    "position_unknown",         //
    "decoder",                  // an attention that sees earlier tokens alone
    "pruned",                   // the library ignores it
    "size_fewer_layers",        // no block
    "size_more_layers",         // the library draws numbers for what the file lacks
    "pad_negative",             //
    "act_gelu_fast",            // activations that no published BERT has
    "act_gelu_10",              //
    "act_quick_gelu",           //
    "act_relu2",                //
    "act_relu6",                //
    "act_silu",                 //
    "act_swish",                //
    "act_mish",                 //
    "act_tanh",                 //
    "act_sigmoid",              //
    "act_linear",               //
    "act_leaky_relu",           //
    "act_laplace",              //
    "act_prelu",                //
};

/// Folders that are read otherwise.
const Names read_otherwise{
    "dtype_half",       // is computed in double, not in half
    "dtype_old_half",   //
    "dtype_both_null",  //
    "dtype_bfloat16",   //
};

/// What differs between a model and what was stored of the library's; empty if nothing.
std::string difference(const Model& model, const json& expected)
{
    const json& config = expected["config"];
    for (const json& label : config["id2label"]) {
        const std::int64_t c = label[0];
        const auto C = static_cast<std::int64_t>(model.config.num_labels());
        if (c < 0 || c >= C || label[1].is_null()) continue;  // the name of no class; no name
        const std::string name = label[1].is_string() ? label[1].get<std::string>() : label[1].dump();
        if (model.config.labels[static_cast<std::size_t>(c)] != name)
            return "label: expected " + name + ", got " + model.config.labels[static_cast<std::size_t>(c)];
    }
    if (config["num_labels"] != model.config.num_labels())
        return "num_labels: expected " + config["num_labels"].dump() + ", got " + std::to_string(model.config.num_labels());
    const auto ids = expected["ids"].get<std::vector<std::int64_t>>();
    const bert::Batch batch = bert::pack({ids}, {std::vector<std::int64_t>(ids.size(), 0)});
    bert::Workspace workspace;
    bert::ModelActivations<double> act;
    model.forward(batch, {}, {model.config, batch.sequences, workspace}, act);
    const bert::Tensor<double, 2>& hidden = model.body.result(batch, act.body).hidden;  // [T, H]
    for (std::size_t h = 0; h < hidden.shape(1); ++h) {
        double mean = 0;
        for (std::size_t t = 0; t < ids.size(); ++t)
            mean += hidden(t, h) / static_cast<double>(ids.size());
        if (!(std::abs(mean - expected["body"]["mean"][h].get<double>()) < 1e-5))
            return "mean " + std::to_string(h) + ": expected " + expected["body"]["mean"][h].dump() + ", got " +
                   std::to_string(mean);
    }
    if (model.sequence_classification && expected.contains("classifier") && expected["classifier"].contains("logits"))
        for (std::size_t c = 0; c < model.config.num_labels(); ++c)
            if (!(std::abs(act.sequence_classification.logits(0, c) - expected["classifier"]["logits"][c].get<double>()) < 1e-5))
                return "logit " + std::to_string(c);
    return {};
}

bool is_refused(const json& expected)
{
    return expected["config"].contains("refused") || !expected.contains("body") || expected["body"].contains("refused");
}

}  // namespace

TEST_CASE("models of folders are the transformers library's")
{
    for (const json& expected : folders::expected("models"))
        folders::compare(expected["name"], expected, is_refused(expected), {read_all_the_same, refused, read_otherwise},
                         [&](const folders::Copy& folder) {
                             const Model model = bert::load_model<double, bert::Reference>(folder.path);
                             return is_refused(expected) ? "" : difference(model, expected);
                         });
}
