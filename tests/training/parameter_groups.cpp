#include "bert/training/parameter_groups.hpp"

#include <cstddef>
#include <vector>

#include "bert/core/linear.hpp"
#include "bert/core/parameter_list.hpp"

#include "bert/io/architectures.hpp"
#include "bert/model.hpp"
#include "catch.hpp"
#include "component.hpp"

TEST_CASE("parameter groups: biases and layer norms aren't decayed, a part of a name freezes, the rate falls with depth")
{
    bert::Config config = component::small_config();  // two blocks
    bert::set_architecture("BertForPreTraining", config);
    auto model = bert::Model<double>::make(config);
    const bert::ParameterList<double> list = bert::parameter_list<double>(model);
    bert::OptimizerOptions options;
    options.weight_decay = 0.01;
    options.frozen = {"embeddings"};
    options.layer_decay = 0.5;
    const std::vector<bert::ParameterGroup> groups = bert::parameter_groups(list, options);
    REQUIRE(groups.size() == list.size());
    std::size_t found = 0;
    for (std::size_t k = 0; k < list.size(); ++k) {
        INFO(list[k].name);
        const auto is = [&](const char* name) { return list[k].name == name && ++found > 0; };
        if (is("bert.embeddings.word_embeddings.weight"))
            CHECK((groups[k].frozen && groups[k].weight_decay == 0.01 && groups[k].rate_factor == 0.125));
        if (is("bert.encoder.layer.0.attention.self.query.weight"))
            CHECK((!groups[k].frozen && groups[k].weight_decay == 0.01 && groups[k].rate_factor == 0.25));
        if (is("bert.encoder.layer.1.output.LayerNorm.weight"))
            CHECK((groups[k].weight_decay == 0 && !groups[k].use_trust_ratio && groups[k].rate_factor == 0.5));
        if (is("cls.predictions.bias"))
            CHECK((groups[k].weight_decay == 0 && !groups[k].use_trust_ratio && groups[k].rate_factor == 1));
        if (is("bert.pooler.dense.weight")) CHECK((groups[k].use_trust_ratio && groups[k].rate_factor == 1));
    }
    CHECK(found == 5);
}
