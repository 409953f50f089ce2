/// @file
/// The checks of the exercises: each holds one function to finite differences and to stored cases.
#pragma once

#include <string>

#include <bert/core/layer_norm.hpp>

#include "exercise.hpp"

namespace exercise {

struct TrainingRun;  // training.hpp
struct StepResult;

/// Result of a check.
struct Verdict {
    bool right = false;  ///< whether everything holds
    std::string line;    ///< one line: what holds, or the first wrong tensor: the index, the expected and found number, a hint
};

/// @name The checks, each of which takes the function to be checked
/// @{
Verdict check_gelu(void (*gelu)(const Matrix& x, Matrix& y));
Verdict check_gelu_backward(void (*gelu_backward)(const Matrix& d_y, const Matrix& x, Matrix& d_x));
Verdict check_linear(void (*linear)(const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y));
Verdict check_linear_backward(void (*linear_backward)(const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight,
                                                      Vector& d_bias, Matrix& d_x));
Verdict check_layer_norm(void (*layer_norm)(const Matrix& x, const bert::LayerNorm<double>& norm, double epsilon,
                                            bert::LayerNormActivations<double>& act));
Verdict check_layer_norm_backward(void (*layer_norm_backward)(const Matrix& d_y, const bert::LayerNorm<double>& norm,
                                                              const bert::LayerNormActivations<double>& act,
                                                              bert::LayerNorm<double>& d_norm, Matrix& d_x));
Verdict check_softmax(void (*softmax)(const Matrix& scores, Matrix& probabilities));
Verdict check_attention(void (*attention)(const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores,
                                          Matrix& probabilities, Matrix& context));
Verdict check_attention_backward(void (*attention_backward)(const Matrix& d_context, const Matrix& query, const Matrix& key,
                                                            const Matrix& value, const Matrix& probabilities, Matrix& d_query,
                                                            Matrix& d_key, Matrix& d_value));
Verdict check_training_step(StepResult (*training_step)(TrainingRun& run));
/// @}

/// Prints the line of a verdict.
/// @param verdict  result of a check
/// @return  the exit status: 0 if everything holds, else 1
int report(const Verdict& verdict);

}  // namespace exercise
