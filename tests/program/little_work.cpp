#include "../../examples/bert/little_work.hpp"

#include <catch.hpp>

TEST_CASE("one thread does little work, all do much, and what was set before is set again")
{
    bert::Config tiny;
    tiny.hidden_size = 48;
    tiny.intermediate_size = 176;
    tiny.num_attention_heads = 4;
    tiny.num_hidden_layers = 2;
    tiny.vocab_size = 1103;
    bert::set_threads(3);
    const std::size_t all = bert::threads();  // 1 in a build without OpenMP
    {
        const program::LittleWork threads(tiny, 16);
        CHECK(bert::threads() == 1);
    }
    CHECK(bert::threads() == all);
    {
        const program::LittleWork threads(tiny, 32 * 128);
        CHECK(bert::threads() == all);
    }
    {
        const program::LittleWork threads(bert::Config{}, 1);  // BERT-base's sizes
        CHECK(bert::threads() == all);
    }
    CHECK(bert::threads() == all);
}
