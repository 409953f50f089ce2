// The order in which tensors of the reference format are compared.
#include "bert/verify/order_in_computation.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"

TEST_CASE("tensors are sorted as they are computed, whatever the order of a file")
{
    const std::vector<std::string> computed{"forward.embeddings.norm",
                                            "forward.embeddings",
                                            "forward.layer.0.bottleneck.input",
                                            "forward.layer.0.bottleneck.attention",
                                            "forward.layer.0.query",
                                            "forward.layer.0.key",
                                            "forward.layer.0.attention",
                                            "forward.layer.0.ffn.0.intermediate",
                                            "forward.layer.0.ffn.0.output",
                                            "forward.layer.0.ffn.1.intermediate",
                                            "forward.layer.0.intermediate",
                                            "forward.layer.0.output",
                                            "forward.layer.2.norm1",
                                            "forward.layer.2.query",
                                            "forward.layer.10.query",
                                            "forward.final_norm",
                                            "forward.pooled",
                                            "forward.mlm.transform",
                                            "forward.logits.mlm",
                                            "forward.logits.nsp",
                                            "loss.total",
                                            "grad.cls.predictions.bias",
                                            "grad.forward.layer.10.output",
                                            "grad.bert.encoder.layer.10.output.dense.bias",
                                            "grad.forward.layer.2.output",
                                            "grad.forward.layer.2.ffn.1.output",
                                            "grad.forward.layer.2.ffn.0.output",
                                            "grad.bert.encoder.layer.2.attention.self.key.bias",
                                            "grad.forward.embeddings",
                                            "grad.bert.embeddings.LayerNorm.bias",
                                            "train.loss"};
    std::vector<std::string> sorted = computed;
    std::sort(sorted.begin(), sorted.end());
    REQUIRE(sorted != computed);
    std::sort(sorted.begin(), sorted.end(), [](const std::string& a, const std::string& b) {
        return bert::order_in_computation(a) < bert::order_in_computation(b);
    });
    CHECK(sorted == computed);
}
