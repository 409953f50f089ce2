/// @file
/// Fuzzes the reader of config.json: whatever the text, it is refused with InputError, or it is a configuration that can be
/// written and read again as the same.
#include "bert/io/config.hpp"
#include "bert/io/config_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bert/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    bert::Config config;
    try {
        config = bert::parse_config("config.json", std::string_view(reinterpret_cast<const char*>(data), size));
    } catch (const bert::InputError&) {
        return 0;
    }
    if (config.num_labels() > 10'000)
        return 0;  // the names of a million classes take this program, instrumented, a time-out's time
    const std::string written = bert::config_json(config);
    if (bert::parse_config("again", written) != config) std::abort();
    return 0;
}
