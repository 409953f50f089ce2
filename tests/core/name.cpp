#include "bert/core/name.hpp"

#include <cstddef>
#include <optional>
#include <string>

#include "catch.hpp"

using bert::Name;
using bert::ParameterKind;

TEST_CASE("A name grows from part to part, and is written out on demand")
{
    const Name encoder = "encoder", layer = encoder + ".layer.";
    CHECK((layer + std::size_t{12} + ".bias").text() == "encoder.layer.12.bias");
    CHECK(layer.text() == "encoder.layer.");
    CHECK(std::string(Name("")).empty());
    const std::string text = "pooler";
    CHECK(Name(text).text() == "pooler");
}

TEST_CASE("A name says what its parameter is")
{
    const Name name = "dense";
    const Name bias = (name + ".bias").of(ParameterKind::bias);
    CHECK(name.kind() == ParameterKind::matrix);
    CHECK(bias.kind() == ParameterKind::bias);
    CHECK(bias.text() == "dense.bias");
    for (const ParameterKind kind : {ParameterKind::matrix, ParameterKind::table, ParameterKind::scale, ParameterKind::shift})
        CHECK(bias.of(kind).kind() == kind);
}

TEST_CASE("A name hands its depth down to the names that it becomes")
{
    const Name model = "bert.";
    const Name embeddings = model.at_depth(0), encoder = model + "encoder.layer.", numbered = encoder + std::size_t{3};
    const Name block = numbered.at_depth(4), part = block + ".attention", weight = part + ".weight";
    CHECK(!model.depth());
    CHECK(!encoder.depth());
    CHECK(!numbered.depth());
    CHECK(embeddings.depth() == std::optional<std::size_t>(0));
    CHECK((embeddings + "word").depth() == std::optional<std::size_t>(0));
    CHECK(block.depth() == std::optional<std::size_t>(4));
    CHECK(weight.depth() == std::optional<std::size_t>(4));
    CHECK(weight.of(ParameterKind::bias).depth() == std::optional<std::size_t>(4));
    CHECK(weight.text() == "bert.encoder.layer.3.attention.weight");
    CHECK(part.at_depth(7).depth() == std::optional<std::size_t>(7));  // the nearest one counts
}
