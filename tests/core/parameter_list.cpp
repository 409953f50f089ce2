#include "bert/core/parameter_list.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/core/linear.hpp"
#include "bert/core/parameters.hpp"
#include "bert/model.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::parameter_list;
using bert::ParameterKind;
using bert::ParameterList;

namespace {

struct TwoLayers {
    bert::Linear<double> first = bert::make_linear<double>(2, 3), second = bert::make_linear<double>(1, 2);

    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const bert::Name& name, Selves&... selves)
    {
        bert::Linear<double>::parameters(visit, name + "first", selves.first...);
        bert::Linear<double>::parameters(visit, (name + "second").at_depth(2), selves.second...);
    }
};

}  // namespace

TEST_CASE("The list has every parameter in order: name, shape, kind, depth")
{
    TwoLayers layers;
    const ParameterList<double> list = parameter_list<double>(layers);
    REQUIRE(list.size() == 4);
    const std::vector<std::string> names{"first.weight", "first.bias", "second.weight", "second.bias"};
    const std::vector<std::vector<std::size_t>> shapes{{2, 3}, {2}, {1, 2}, {1}};
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(list[i].name == names[i]);
        CHECK(list[i].shape == shapes[i]);
        CHECK(list[i].kind == (i % 2 == 0 ? ParameterKind::matrix : ParameterKind::bias));
        CHECK(list[i].depth == (i < 2 ? std::nullopt : std::optional<std::size_t>(2)));
    }
}

TEST_CASE("The list's spans are the component's own numbers")
{
    TwoLayers layers;
    const ParameterList<double> list = parameter_list<double>(layers);
    CHECK(list[0].values.data() == layers.first.weight.data());
    CHECK(list[0].values.size() == 6);
    CHECK(list[3].values.data() == layers.second.bias.data());
    list[0].values[4] = 5;  // row by row
    CHECK(layers.first.weight(1, 1) == 5);

    const TwoLayers& constant = layers;
    const ParameterList<const double> read_only = parameter_list<const double>(constant);
    static_assert(std::is_same_v<decltype(read_only[0].values[0]), const double&>);
    CHECK(read_only[0].values.data() == list[0].values.data());
    CHECK(read_only[0].values[4] == 5);
}

TEST_CASE("The list of a model: kinds and depths by the published names")
{
    bert::Config config = component::small_config();
    config.heads = {"masked_lm", "next_sentence"};
    config.has_pooler = true;
    auto model = bert::Model<double>::make(config);
    const ParameterList<double> list = parameter_list<double>(model);
    std::size_t numbers = 0;
    for (const bert::Parameter<double>& parameter : list)
        numbers += parameter.values.size();
    CHECK(numbers == bert::count_parameters(model));
    const auto find = [&](const std::string& name) {
        for (const bert::Parameter<double>& parameter : list)
            if (parameter.name == name) return parameter;
        FAIL("no parameter " + name);
        return list[0];
    };
    struct Expected {
        const char* name;
        ParameterKind kind;
        std::optional<std::size_t> depth;
    };
    for (const Expected& expected : {Expected{"bert.embeddings.word_embeddings.weight", ParameterKind::table, 0},
                                     Expected{"bert.embeddings.position_embeddings.weight", ParameterKind::table, 0},
                                     Expected{"bert.embeddings.token_type_embeddings.weight", ParameterKind::table, 0},
                                     Expected{"bert.embeddings.LayerNorm.weight", ParameterKind::scale, 0},
                                     Expected{"bert.embeddings.LayerNorm.bias", ParameterKind::shift, 0},
                                     Expected{"bert.encoder.layer.0.attention.self.query.weight", ParameterKind::matrix, 1},
                                     Expected{"bert.encoder.layer.0.attention.output.LayerNorm.weight", ParameterKind::scale, 1},
                                     Expected{"bert.encoder.layer.1.intermediate.dense.bias", ParameterKind::bias, 2},
                                     Expected{"bert.encoder.layer.1.output.LayerNorm.bias", ParameterKind::shift, 2},
                                     Expected{"bert.pooler.dense.weight", ParameterKind::matrix, std::nullopt},
                                     Expected{"cls.predictions.bias", ParameterKind::bias, std::nullopt},
                                     Expected{"cls.predictions.transform.LayerNorm.weight", ParameterKind::scale, std::nullopt},
                                     Expected{"cls.seq_relationship.weight", ParameterKind::matrix, std::nullopt}}) {
        INFO(expected.name);
        const bert::Parameter<double> parameter = find(expected.name);
        CHECK(parameter.kind == expected.kind);
        CHECK(parameter.depth == expected.depth);
    }
}

TEST_CASE("Another number of parameters and another shape are refused")
{
    TwoLayers layers, same, wider;
    wider.second = bert::make_linear<double>(1, 5);
    auto one = bert::make_linear<double>(2, 3);
    const ParameterList<double> list = parameter_list<double>(layers);
    CHECK_NOTHROW(bert::require_same_parameters("optimizer: gradient", parameter_list<double>(same), list));
    CHECK_THROWS_WITH(bert::require_same_parameters("optimizer: gradient", parameter_list<double>(one), list),
                      "optimizer: gradient: expected 4 parameters, got 2");
    CHECK_THROWS_WITH(bert::require_same_parameters("optimizer: gradient", parameter_list<double>(wider), list),
                      "optimizer: gradient: second.weight: expected [1, 2], got [1, 5]");
    ParameterList<double> renamed = list;
    renamed[2].name = "third.weight";
    CHECK_THROWS_WITH(bert::require_same_parameters("optimizer: gradient", renamed, list),
                      "optimizer: gradient: expected second.weight, got third.weight");
    // Scalars may differ.
    const TwoLayers& constant = layers;
    CHECK_NOTHROW(bert::require_same_parameters("moments", parameter_list<const double>(constant), list));
}
