#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

TEST_CASE("bench measures training steps")
{
    for (const char* ops : {"fast", "reference"}) {
        INFO(ops);
        const Run result = run({"bench", "--train", "--json", "--ops", ops, "--batch", "2", "--length", "16", "--repeat", "2"});
        REQUIRE(result.status == 0);
        const nlohmann::json line = result.json()[0];
        CHECK(line["train"] == true);
        CHECK(line["tokens_per_second"] > 0);
        CHECK(line["gflops"] > 0);
    }
    const std::vector<std::string> in_micro_batches{
        "bench",    "--train", "--batch",  "4", "--micro-batch", "3",    "--gradient-checkpointing",
        "--length", "16",      "--repeat", "1", "--precision",   "bf16", "--json"};
    const nlohmann::json line = run(in_micro_batches).json()[0];
    CHECK(line["precision"] == "bf16");
    CHECK(line["peak_memory_mib"] > 1);
    CHECK(run({"bench", "--train", "--batch", "4", "--micro-batch", "5"}).error ==
          "bert: --micro-batch: expected at most the batch's 4 sequences, got 5\n");
    CHECK(run({"bench", "--gradient-checkpointing"}).error == "bert: --gradient-checkpointing: expected --train beside it\n");
    CHECK(run({"bench", "--micro-batch", "1"}).error == "bert: --micro-batch: expected --train beside it\n");
    const Run forward = run({"bench", "--json", "--batch", "1", "--length", "16", "--repeat", "1"});
    CHECK(forward.json()[0]["train"] == false);
}

TEST_CASE("bench measures a model and one that is made up")
{
    for (const char* ops : {"fast", "reference"}) {
        INFO(ops);
        const Run result = run({"bench", "--json", "--ops", ops, "--batch", "2", "--length", "16", "--repeat", "3"});
        REQUIRE(result.status == 0);
        const nlohmann::json line = result.json()[0];
        CHECK(line["tokens_per_second"] > 0);
        CHECK(line["milliseconds"] > 0);
        CHECK(line["batch"] == 2);
        // 32 tokens through two layers of 4 H^2 + 2 H I and two sequences' attention, from 2 operations a weight.
        const double operations = 2 * (2.0 * 32 * (4 * 48 * 48 + 2 * 48 * 176) + 2 * 4.0 * 16 * 16 * 48);
        CHECK(line["gflops"].get<double>() * line["milliseconds"].get<double>() == Approx(operations * 1e-6).epsilon(1e-9));
        // The peak is measured for itself, and a model as small as this is far from it.
        const double peak = line["peak_gflops"], fraction = line["fraction_of_peak"];
        CHECK(fraction == Approx(line["gflops"].get<double>() / peak).epsilon(1e-9));
        CHECK(fraction > 0);
        CHECK(fraction < 1);
    }
    const TemporaryFolder folder;
    put(folder / "config.json",
        R"({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "num_attention_heads": 2,
                                    "num_hidden_layers": 1, "intermediate_size": 12, "vocab_size": 20,
                                    "max_position_embeddings": 9})");
    const std::string config = folder / "config.json";
    CHECK(run({"bench", "--config", config, "--length", "9", "--repeat", "1"}).status == 0);
    const Run longer = run({"bench", "--config", config, "--length", "10"});
    CHECK(longer.status == 2);
    CHECK(longer.error == "bert: --length: expected at most the model's 9 positions, got 10\n");

    // What no machine holds is refused at once: 2^31 sequences, 2^39 weights, 10^9 layers.
    const Run sequences = run({"bench", "--config", config, "--length", "9", "--batch", "2147483647"});
    CHECK(sequences.status == 2);
    CHECK(sequences.error.starts_with("bert: --batch: expected work for this machine's memory of "));
    const auto error = [&](const std::string& sizes) {
        put(folder / "config.json", R"({"model_type": "bert", "architectures": ["BertModel"], "num_attention_heads": 1, )" +
                                        sizes + R"(, "intermediate_size": 1})");
        const Run large = run({"bench", "--config", config, "--length", "1"});
        CHECK(large.status == 2);
        return large.error;
    };
    const std::string expected = "bert: " + config + ": expected work for this machine's memory of ";
    CHECK(error(R"("hidden_size": 262144, "num_hidden_layers": 1, "vocab_size": 2097152)").starts_with(expected));
    CHECK(error(R"("hidden_size": 1, "num_hidden_layers": 1000000000, "vocab_size": 9)") ==
          "bert: " + config + ": num_hidden_layers: expected at most 65536, got 1000000000\n");
}
