/// @file
/// Errors and their messages: one line that names the place, the thing, what was expected and what was found.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// Bad input from outside: a file, a text, an option. (A wrong argument in a program is a std::invalid_argument.)
/// The message is one line, `place: thing: expected ..., got ...`; the program `bert` prints it and exits with status 2.
class InputError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws InputError with the message `place: what`.
/// @param place  file and position, as in `vocab.txt:30523` or `model.safetensors: header`
/// @param what  what was expected and what was found
/// @throws InputError always
[[noreturn]] inline void fail_input(std::string_view place, std::string_view what)
{
    std::string message = std::string(place) + ": " + std::string(what);
    for (std::size_t nul = message.find('\0'); nul != std::string::npos; nul = message.find('\0'))
        message.replace(nul, 1, "\\u0000");  // a NUL would end the message
    throw InputError(message);
}

}  // namespace bert
