/// @file
/// The commands. Each takes its options and returns the program's exit status: 0, or 1 if a check doesn't hold.
#pragma once

#include "options.hpp"

namespace program {

/// Runs a command.
/// @param options  its options
/// @return  the exit status
/// @throws bert::InputError for bad input
int info(const InfoOptions& options);
int tokenize(const TokenizeOptions& options);      ///< @copydoc info
int encode(const EncodeOptions& options);          ///< @copydoc info
int similarity(const SimilarityOptions& options);  ///< @copydoc info
int search(const SearchOptions& options);          ///< @copydoc info
int fill_mask(const FillMaskOptions& options);     ///< @copydoc info
int verify(const VerifyOptions& options);          ///< @copydoc info
int dump(const DumpOptions& options);              ///< @copydoc info
int diff(const DiffOptions& options);              ///< @copydoc info
int bench(const BenchOptions& options);            ///< @copydoc info

}  // namespace program
