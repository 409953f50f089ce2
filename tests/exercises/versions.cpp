// Every exercise as it is handed out, right, and with the mistakes that people make: what its check says of each.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"

#include "checks.hpp"
#include "training.hpp"
#include "unwritten.hpp"

using bert::LayerNorm;
using exercise::Matrix;
using exercise::Vector;
using Reference = bert::Reference;
using Norms = bert::LayerNormActivations<double>;

namespace {

/// One mistake, and parts of the line that the check should print.
template <class Function>
struct Mistake {
    Function* function;
    std::vector<std::string> says;  ///< the tensor with the place, then words of the hint
};

template <class Result, class... Arguments>
void try_versions(exercise::Verdict (*check)(Result (*)(Arguments...)), std::type_identity_t<Result (*)(Arguments...)> right,
                  const std::vector<Mistake<Result(Arguments...)>>& mistakes)
{
    const exercise::Verdict unfilled = check([](Arguments... arguments) -> Result {
        exercise::not_written("the function", arguments...);
        return Result();
    });
    CHECK(!unfilled.right);
    CHECK_THAT(unfilled.line, Catch::Contains(": not written yet: the function"));
    for (const Mistake<Result(Arguments...)>& mistake : mistakes) {
        const exercise::Verdict verdict = check(mistake.function);
        CHECK(!verdict.right);
        CHECK(verdict.line.find('\n') == std::string::npos);
        for (const std::string& part : mistake.says)
            CHECK_THAT(verdict.line, Catch::Contains(part));
    }
    const exercise::Verdict verdict = check(right);
    INFO(verdict.line);
    CHECK(verdict.right);
}

/// y = f(x), number by number.
template <class F>
void each(const Matrix& x, Matrix& y, const F& f)
{
    y.resize(x.shape());
    for (std::size_t i = 0; i < x.size(); ++i)
        y.data()[i] = f(x.data()[i]);
}

template <class F>
void each(const Matrix& a, const Matrix& b, Matrix& y, const F& f)
{
    y.resize(a.shape());
    for (std::size_t i = 0; i < a.size(); ++i)
        y.data()[i] = f(a.data()[i], b.data()[i]);
}

double normal_probability(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)); }

/// [rows, columns] to [columns, rows].
Matrix transposed(const Matrix& x)
{
    Matrix y;
    y.resize({x.shape(1), x.shape(0)});
    for (std::size_t i = 0; i < x.shape(0); ++i)
        for (std::size_t j = 0; j < x.shape(1); ++j)
            y(j, i) = x(i, j);
    return y;
}

/// a b.
Matrix product(const Matrix& a, const Matrix& b, double scale = 1)
{
    auto y = bert::zeros<double, 2>({a.shape(0), b.shape(1)});
    for (std::size_t i = 0; i < a.shape(0); ++i)
        for (std::size_t k = 0; k < a.shape(1); ++k)
            for (std::size_t j = 0; j < b.shape(1); ++j)
                y(i, j) += scale * a(i, k) * b(k, j);
    return y;
}

/// Words of the hints that several exercises have in common.
const std::string write_before_adding = "write `=` before `+=`", integer_division = "integer division",
                  is_float = "digits: a sum or a number is a float", no_resize = "`resize` is missing",
                  assigned_in_loop = "this is the last term of the sum alone: write `+=` in the loop, not `=`";

double root_scale(const Matrix& query) { return 1 / std::sqrt(static_cast<double>(query.shape(1))); }

/// Probabilities that sum to 1 over the whole matrix.
void softmax_over_all(const Matrix& scores, Matrix& probabilities)
{
    Matrix row = scores;
    row.reshape({std::size_t{1}, row.size()});
    Reference::softmax(row, probabilities);
    probabilities.reshape(scores.shape());
}

void right_linear(const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y)
{
    bert::Workspace workspace;
    Reference::linear(x, weight, bias, y, workspace);
}

void right_linear_backward(const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias,
                           Matrix& d_x)
{
    bert::Workspace workspace;
    Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
}

void right_attention(const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                     Matrix& context)
{
    scores = product(query, transposed(key), root_scale(query));
    Reference::softmax(scores, probabilities);
    context = product(probabilities, value);
}

/// The right backward, with the gradient of the scores changed on its way.
template <class Change>
void attention_backward_with(const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                             const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value, const Change& change)
{
    d_value = product(transposed(probabilities), d_context);
    Matrix d_scores;
    Reference::softmax_backward(product(d_context, transposed(value)), probabilities, d_scores);
    change(d_scores);
    d_query = product(d_scores, key, root_scale(query));
    d_key = product(transposed(d_scores), query, root_scale(query));
}

void right_attention_backward(const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                              const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value)
{
    attention_backward_with(d_context, query, key, value, probabilities, d_query, d_key, d_value, [](Matrix&) {});
}

/// The step as it should be, but for one thing.
enum class Slip {
    none,
    gradient_kept,
    schedule_ahead,
    all_decayed,
    along_gradient,
    not_clipped,
    step_from_zero,
    without_update,
    own_beta1,
    own_beta2
};

template <Slip slip>
exercise::StepResult step_with(exercise::TrainingRun& run)
{
    exercise::StepResult result;
    if (slip != Slip::gradient_kept)
        exercise::for_each_parameter(run,
                                     [](const std::string&, std::span<double> g, const auto&) { std::ranges::fill(g, 0.0); });
    const bert::Pass pass{run.model.config, run.batch.sequences, run.workspace};
    bert::Counts<double> counts;
    run.model.count(run.batch, run.targets, counts);
    run.model.forward(run.batch, run.targets, pass, run.act);
    result.loss = run.model.loss(run.batch, run.targets, counts, {}, run.act).total;
    run.model.loss_backward(run.batch, run.targets, counts, {}, run.act, run.d_act);
    run.model.backward(run.batch, pass, run.act, run.gradient, run.d_act);
    result.norm = bert::gradient_norm(bert::parameter_list<double>(run.gradient), [](std::size_t) { return true; }).value;
    result.learning_rate = run.options.learning_rate * run.options.schedule.factor(run.steps + (slip == Slip::schedule_ahead));
    ++run.steps;
    exercise::for_each_parameter(run, [&](const std::string& name, std::span<double> g, const auto& numbers) {
        const bool decayed = slip == Slip::all_decayed || exercise::is_decayed(run.options, name);
        bert::UpdateOptions update{.learning_rate = result.learning_rate,
                                   .beta1 = slip == Slip::own_beta1 ? bert::UpdateOptions().beta1 : run.options.beta1,
                                   .beta2 = slip == Slip::own_beta2 ? bert::UpdateOptions().beta2 : run.options.beta2,
                                   .epsilon = run.options.epsilon,
                                   .weight_decay = decayed ? run.options.weight_decay : 0,
                                   .scale = slip == Slip::not_clipped ? 1 : run.options.clipping.scale(result.norm),
                                   .step = run.steps - (slip == Slip::step_from_zero)};
        if (slip == Slip::along_gradient) update.scale *= -1;
        if (slip != Slip::without_update) Reference::adamw<double>(g, update, numbers);
    });
    return result;
}

}  // namespace

TEST_CASE("exercise 1: GELU")
{
    try_versions(
        exercise::check_gelu, &Reference::gelu<double>,
        {{[](const Matrix& x, Matrix& y) { Reference::gelu_tanh(x, y); }, {"forward.layer.0.intermediate[", "expected", "tanh"}},
         {[](const Matrix& x, Matrix& y) { each(x, y, normal_probability); },
          {"forward.layer.0.intermediate[", "not multiplied by x"}},
         {[](const Matrix& x, Matrix& y) { each(x, y, [](double v) { return v * (1 + std::erf(v / std::sqrt(2.0))); }); },
          {"forward.layer.0.intermediate[", "every number is 2 times"}},
         {[](const Matrix& x, Matrix& y) { each(x, y, [](double v) { return v / 2 * (1 + std::erf(v / std::sqrt(2.0))); }); },
          {"y[0, 0] for x = -12", "expected -2.1317", "got -0", "1 + erf cancels"}},
         {[](const Matrix& x, Matrix& y) { each(x, y, [](double v) { return 1 / 2 * v * std::erfc(-v / std::sqrt(2.0)); }); },
          {"forward.layer.0.intermediate[", "every number is 0", integer_division}},
         {[](const Matrix& x, Matrix& y) { each(x, y, [](double v) { return v / 2 * std::erfc(-v / std::sqrt(2.0F)); }); },
          {"forward.layer.0.intermediate[", is_float}},
         {[](const Matrix& x, Matrix& y) { y.resize(x.shape()); },
          {"forward.layer.0.intermediate[", "got nan", "memory that was only resized"}},
         {[](const Matrix& x, Matrix& y) {
              for (std::size_t t = 0; t < x.shape(0); ++t)
                  for (std::size_t i = 0; i < x.shape(1); ++i)
                      y(t, i) = x(t, i) * normal_probability(x(t, i));
          },
          {"it ended with", no_resize}},
         {[](const Matrix&, Matrix&) {}, {"forward.layer.0.intermediate: expected shape", no_resize}}});

    // What ctest and scripts/exercise print of an exercise that nobody has begun.
    CHECK(exercise::check_gelu([](const Matrix& x, Matrix& y) { exercise::not_written("gelu", x, y); }).line ==
          "01_gelu: not written yet: examples/exercises/01_gelu/gelu.hpp");
}

TEST_CASE("exercise 2: back through GELU")
{
    try_versions(exercise::check_gelu_backward, &Reference::gelu_backward<double>,
                 {{[](const Matrix& d_y, const Matrix& x, Matrix& d_x) {
                       each(d_y, x, d_x, [](double d, double v) { return d * normal_probability(v); });
                   },
                   {"d_x[", "expected", "the second term of the product rule"}},
                  {[](const Matrix& d_y, const Matrix& x, Matrix& d_x) {
                       each(d_y, x, d_x, [](double d, double v) { return d * (normal_probability(v) + normal_density(v)); });
                   },
                   {"d_x[", "not multiplied by x"}},
                  {[](const Matrix&, const Matrix& x, Matrix& d_x) {
                       each(x, d_x, [](double v) { return normal_probability(v) + v * normal_density(v); });
                   },
                   {"d_x[", "not multiplied by d_y"}},
                  {[](const Matrix& d_y, const Matrix& x, Matrix& d_x) {
                       each(d_y, x, d_x, [](double d, double v) {
                           return d * (1 / 2 * std::erfc(-v / std::sqrt(2.0)) + v * normal_density(v));
                       });
                   },
                   {"d_x[", "the probability is missing", integer_division}},
                  {[](const Matrix& d_y, const Matrix& x, Matrix& d_x) {
                       each(d_y, x, d_x, [](double d, double v) {
                           return d * (normal_probability(v) + v * static_cast<float>(normal_density(v)));
                       });
                   },
                   {"d_x[", is_float}},
                  {[](const Matrix& d_y, const Matrix& x, Matrix& d_x) { Reference::gelu_backward(x, d_y, d_x); }, {"d_x["}},
                  {[](const Matrix& d_y, const Matrix& x, Matrix& d_x) {
                       Reference::gelu_backward(d_y, x, d_x);
                       each(Matrix(d_x), d_x, [](double v) { return -v; });
                   },
                   {"d_x[", "the sign is reversed"}}});
}

TEST_CASE("exercise 3: a linear layer")
{
    try_versions(exercise::check_linear, right_linear,
                 {{[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       right_linear(x, transposed(weight), bias, y);
                   },
                   {"forward.layer.0.query[", "a transpose"}},
                  {[](const Matrix& x, const Matrix& weight, const Vector&, Matrix& y) { y = product(x, transposed(weight)); },
                   {"forward.layer.0.query[", "the bias is missing"}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       y.resize({x.shape(0), weight.shape(0)});
                       for (std::size_t t = 0; t < x.shape(0); ++t)
                           for (std::size_t o = 0; o < weight.shape(0); ++o) {
                               for (std::size_t i = 0; i < x.shape(1); ++i)
                                   y(t, o) = x(t, i) * weight(o, i);
                               y(t, o) += bias(o);
                           }
                   },
                   {"forward.layer.0.query[", assigned_in_loop}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       right_linear(x, weight, bias, y);
                       for (std::size_t t = 0; t < y.shape(0); ++t)
                           for (std::size_t o = 0; o < y.shape(1); ++o)
                               y(t, o) += bias(o);
                   },
                   {"forward.layer.0.query[", "each column is off by the same amount"}},
                  {[](const Matrix& x, const Matrix& weight, const Vector&, Matrix& y) { y(x.shape(0), weight.shape(0)) = 0; },
                   {"it ended with", "out of bounds", no_resize}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       y.resize({x.shape(1), weight.shape(1)});  // rows and columns exchanged
                       for (std::size_t t = 0; t < x.shape(0); ++t)
                           for (std::size_t o = 0; o < weight.shape(0); ++o)
                               y(t, o) = bias(o);
                   },
                   {"it ended with", "out of bounds", "axis 0 counts the rows"}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       y.resize({x.shape(0), weight.shape(0)});
                       for (std::size_t t = 0; t < x.shape(0); ++t) {
                           for (std::size_t o = 0; o < weight.shape(0); ++o) {
                               for (std::size_t i = 0; i < x.shape(1); ++i)
                                   y(t, o) += x(t, i) * weight(o, i);
                               y(t, o) += bias(o);
                           }
                       }
                   },
                   {"forward.layer.0.query[0, 0]: expected -0.362936", "got nan", write_before_adding}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       y.resize({x.shape(0), weight.shape(0)});
                       for (std::size_t t = 0; t < x.shape(0); ++t) {
                           for (std::size_t o = 0; o < weight.shape(0); ++o) {
                               float sum = 0;
                               for (std::size_t i = 0; i < x.shape(1); ++i)
                                   sum += static_cast<float>(x(t, i) * weight(o, i));
                               y(t, o) = bias(o) + sum;
                           }
                       }
                   },
                   {"forward.layer.0.query[", is_float}},
                  {[](const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y) {
                       right_linear(x, weight, bias, y);
                       y = transposed(y);
                   },
                   {"forward.layer.0.query: expected shape [", "are they exchanged?"}}});
}

TEST_CASE("exercise 4: back through a linear layer")
{
    try_versions(exercise::check_linear_backward, right_linear_backward,
                 {{[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       right_linear_backward(d_y, x, transposed(weight), d_weight, d_bias, d_x);
                   },
                   {"d_x[", "a transpose"}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       d_weight.fill(0);
                       right_linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
                   },
                   {"d_weight[", "overwritten"}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       const Vector before = d_bias;
                       right_linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
                       for (std::size_t o = 0; o < d_bias.size(); ++o)
                           d_bias(o) = before(o) + (d_bias(o) - before(o)) / static_cast<double>(d_y.shape(0));
                   },
                   {"d_bias[", "a mean over the rows for a sum"}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       Vector elsewhere = d_bias;
                       right_linear_backward(d_y, x, weight, d_weight, elsewhere, d_x);
                   },
                   {"d_bias[", "nothing was added"}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       right_linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
                       right_linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
                   },
                   {"d_weight[", "every number is 2 times"}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       right_linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
                       d_x = Matrix();
                       d_x.resize(x.shape());
                       for (std::size_t t = 0; t < x.shape(0); ++t)
                           for (std::size_t i = 0; i < x.shape(1); ++i)
                               for (std::size_t o = 0; o < weight.shape(0); ++o)
                                   d_x(t, i) += d_y(t, o) * weight(o, i);
                   },
                   {"d_x[", "got nan", write_before_adding}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       Matrix elsewhere = d_weight;
                       right_linear_backward(d_y, x, weight, elsewhere, d_bias, d_x);
                       for (std::size_t t = 0; t < x.shape(0); ++t)
                           for (std::size_t o = 0; o < weight.shape(0); ++o)
                               for (std::size_t i = 0; i < x.shape(1); ++i)
                                   d_weight(o, i) = d_y(t, o) * x(t, i);
                   },
                   {"d_weight[", assigned_in_loop}},
                  {[](const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias, Matrix& d_x) {
                       Vector elsewhere = d_bias;
                       right_linear_backward(d_y, x, weight, d_weight, elsewhere, d_x);
                       for (std::size_t o = 0; o < d_bias.size(); ++o) {
                           float sum = 0;
                           for (std::size_t t = 0; t < d_y.shape(0); ++t)
                               sum += static_cast<float>(d_y(t, o));
                           d_bias(o) += sum;
                       }
                   },
                   {"d_bias[", is_float}}});
}

TEST_CASE("exercise 5: layer normalization")
{
    try_versions(
        exercise::check_layer_norm, &Reference::layer_norm<double>,
        {{[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              const double H = static_cast<double>(x.shape(1));
              for (double& r : act.rstd)
                  r *= std::sqrt((H - 1) / H);
          },
          {"rstd[", "divided by H - 1"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (double& r : act.rstd)
                  r *= r;
          },
          {"rstd[", "the root is missing"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              act.y = act.x_hat;
          },
          {"forward.layer.0.attention[", "gamma and beta are missing"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon * epsilon, act);  // beside the root rather than under it
          },
          {"rstd of a constant row, epsilon 0.25[0]: expected 2, got 4", "epsilon stands under the root"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (std::size_t t = 0; t < x.shape(0); ++t)
                  for (std::size_t h = 0; h < x.shape(1); ++h)
                      act.x_hat(t, h) = x(t, h) * act.rstd(t);
          },
          {"x_hat[", "the mean is not taken off"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (std::size_t t = 0; t < x.shape(0); ++t)
                  for (std::size_t h = 0; h < x.shape(1); ++h)
                      act.y(t, h) = act.x_hat(t, h) + norm.beta(h);
          },
          {"forward.layer.0.attention[", "Hint: gamma is missing"}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (std::size_t t = 0; t < x.shape(0); ++t)
                  for (std::size_t h = 0; h < x.shape(1); ++h)
                      act.y(t, h) = act.x_hat(t, h) * norm.gamma(h);
          },
          {"forward.layer.0.attention[", "Hint: beta is missing"}},
         // Columns for rows: rstd from a loop over h; with sizes exchanged as well; with sizes exchanged alone.
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              const std::size_t T = x.shape(0), H = x.shape(1);
              act.resize(T, H);
              for (std::size_t h = 0; h < H; ++h) {
                  double mean = 0, variance = 0;
                  for (std::size_t t = 0; t < T; ++t)
                      mean += x(t, h) / static_cast<double>(T);
                  for (std::size_t t = 0; t < T; ++t)
                      variance += (x(t, h) - mean) * (x(t, h) - mean) / static_cast<double>(T);
                  act.rstd(h) = 1 / std::sqrt(variance + epsilon);
                  for (std::size_t t = 0; t < T; ++t) {
                      act.x_hat(t, h) = (x(t, h) - mean) * act.rstd(h);
                      act.y(t, h) = norm.gamma(h) * act.x_hat(t, h) + norm.beta(h);
                  }
              }
          },
          {"rstd[", "columns for rows"}},
         {[](const Matrix& x, const LayerNorm<double>&, double epsilon, Norms& act) {
              Reference::layer_norm(transposed(x), bert::make_layer_norm<double>(x.shape(0)), epsilon, act);
          },
          {"rstd: expected shape", "shape(0) is the number of rows", "are they exchanged?"}},
         {[](const Matrix& x, const LayerNorm<double>&, double, Norms& act) {
              const std::size_t T = x.shape(1), H = x.shape(0);
              act.resize(T, H);
              for (std::size_t t = 0; t < T; ++t)
                  for (std::size_t h = 0; h < H; ++h)
                      act.x_hat(t, h) = x(t, h);
          },
          {"it ended with", "out of bounds", "axis 0 counts the rows, axis 1 the columns"}},
         // 1 / H: in both means, in the first one; and in the exponent.
         {[](const Matrix& x, const LayerNorm<double>&, double epsilon, Norms& act) {
              const std::size_t T = x.shape(0), H = x.shape(1);
              act.resize(T, H);
              for (std::size_t t = 0; t < T; ++t) {
                  double mean = 0, variance = 0;
                  for (std::size_t h = 0; h < H; ++h)
                      mean += static_cast<double>(1 / H) * x(t, h);
                  for (std::size_t h = 0; h < H; ++h)
                      variance += static_cast<double>(1 / H) * (x(t, h) - mean) * (x(t, h) - mean);
                  act.rstd(t) = 1 / std::sqrt(variance + epsilon);
              }
          },
          {"rstd[", "the variance is 0", integer_division}},
         {[](const Matrix& x, const LayerNorm<double>&, double epsilon, Norms& act) {
              const std::size_t T = x.shape(0), H = x.shape(1);
              act.resize(T, H);
              for (std::size_t t = 0; t < T; ++t) {
                  double mean = 0, variance = 0;
                  for (std::size_t h = 0; h < H; ++h)
                      mean += x(t, h);
                  mean *= static_cast<double>(1 / H);
                  for (std::size_t h = 0; h < H; ++h)
                      variance += (x(t, h) - mean) * (x(t, h) - mean) / static_cast<double>(H);
                  act.rstd(t) = 1 / std::sqrt(variance + epsilon);
              }
          },
          {"rstd[", "the mean is missing", integer_division}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (double& r : act.rstd)
                  r = std::pow(1 / (r * r), -1 / 2);
          },
          {"rstd[", "the exponent is 0", integer_division}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              Reference::layer_norm(x, norm, epsilon, act);
              for (std::size_t t = 0; t < x.shape(0); ++t) {
                  float mean = 0;
                  for (std::size_t h = 0; h < x.shape(1); ++h)
                      mean += static_cast<float>(x(t, h));
                  mean /= static_cast<float>(x.shape(1));
                  for (std::size_t h = 0; h < x.shape(1); ++h)
                      act.x_hat(t, h) = (x(t, h) - mean) * act.rstd(t);
              }
          },
          {"x_hat[", is_float}},
         {[](const Matrix& x, const LayerNorm<double>&, double epsilon, Norms& act) {
              const std::size_t T = x.shape(0), H = x.shape(1);
              act.resize(T, H);
              for (std::size_t t = 0; t < T; ++t) {
                  for (std::size_t h = 0; h < H; ++h)
                      act.rstd(t) += x(t, h) * x(t, h) / static_cast<double>(H);
                  act.rstd(t) = 1 / std::sqrt(act.rstd(t) + epsilon);
              }
          },
          {"rstd[", "got nan", write_before_adding}},
         {[](const Matrix& x, const LayerNorm<double>&, double epsilon, Norms& act) {
              for (std::size_t t = 0; t < x.shape(0); ++t)
                  act.rstd(t) = 1 / std::sqrt(epsilon);
          },
          {"it ended with", no_resize}},
         {[](const Matrix& x, const LayerNorm<double>& norm, double epsilon, Norms& act) {
              const std::size_t T = x.shape(0), H = x.shape(1);
              act.resize(T, H);
              for (std::size_t t = 0; t < T; ++t) {
                  double mean = 0, mean_of_squares = 0;
                  for (std::size_t h = 0; h < H; ++h) {
                      mean += x(t, h) / static_cast<double>(H);
                      mean_of_squares += x(t, h) * x(t, h) / static_cast<double>(H);
                  }
                  act.rstd(t) = 1 / std::sqrt(mean_of_squares - mean * mean + epsilon);
                  for (std::size_t h = 0; h < H; ++h) {
                      act.x_hat(t, h) = (x(t, h) - mean) * act.rstd(t);
                      act.y(t, h) = norm.gamma(h) * act.x_hat(t, h) + norm.beta(h);
                  }
              }
          },
          {"rstd of a row with the mean 1e8 and the variance 1, epsilon 0.5625[0]: expected 0.8", "E[x^2] - mean^2 cancels"}}});
}

TEST_CASE("exercise 6: back through layer normalization")
{
    // d_x from some of the three terms.
    static const auto d_x_of = [](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, bool has_s, bool has_a,
                                  Matrix& d_x) {
        const std::size_t T = d_y.shape(0), H = d_y.shape(1);
        for (std::size_t t = 0; t < T; ++t) {
            double s = 0, a = 0;
            for (std::size_t h = 0; h < H; ++h) {
                s += norm.gamma(h) * d_y(t, h) / static_cast<double>(H);
                a += norm.gamma(h) * d_y(t, h) * act.x_hat(t, h) / static_cast<double>(H);
            }
            for (std::size_t h = 0; h < H; ++h)
                d_x(t, h) = act.rstd(t) * (norm.gamma(h) * d_y(t, h) - (has_s ? s : 0) - (has_a ? act.x_hat(t, h) * a : 0));
        }
    };
    try_versions(
        exercise::check_layer_norm_backward, &Reference::layer_norm_backward<double>,
        {{[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
              d_x_of(d_y, norm, act, false, true, d_x);
          },
          {"d_x[", "the term s is missing"}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
              d_x_of(d_y, norm, act, true, false, d_x);
          },
          {"d_x[", "the term a is missing"}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              d_norm.gamma.fill(0);
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
          },
          {"d_gamma[", "overwritten"}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              const Vector before = d_norm.beta;
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
              for (std::size_t h = 0; h < before.size(); ++h)
                  d_norm.beta(h) = before(h) + (d_norm.beta(h) - before(h)) / static_cast<double>(d_y.shape(0));
          },
          {"d_beta[", "a mean over the rows for a sum"}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              LayerNorm<double> plain = norm;
              plain.gamma.fill(1);
              Reference::layer_norm_backward(d_y, plain, act, d_norm, d_x);
          },
          {"d_x[", "gamma is missing"}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
              d_x_of(d_y, norm, act, false, false, d_x);  // s and a times 1 / H
          },
          {"d_x[", "s and a are missing", integer_division}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
              for (std::size_t t = 0; t < d_y.shape(0); ++t)
                  for (std::size_t h = 0; h < d_y.shape(1); ++h)
                      d_norm.gamma(h) = d_y(t, h) * act.x_hat(t, h);
          },
          {"d_gamma[", assigned_in_loop}},
         {[](const Matrix& d_y, const LayerNorm<double>& norm, const Norms& act, LayerNorm<double>& d_norm, Matrix& d_x) {
              LayerNorm<double> elsewhere = d_norm;
              Reference::layer_norm_backward(d_y, norm, act, elsewhere, d_x);
              d_norm.gamma = elsewhere.gamma;
              for (std::size_t h = 0; h < d_y.shape(1); ++h) {
                  float sum = 0;
                  for (std::size_t t = 0; t < d_y.shape(0); ++t)
                      sum += static_cast<float>(d_y(t, h));
                  d_norm.beta(h) += sum;
              }
          },
          {"d_beta[", is_float}}});
}

TEST_CASE("exercise 7: softmax")
{
    try_versions(
        exercise::check_softmax, &Reference::softmax<double>,
        {{[](const Matrix& scores, Matrix& probabilities) {
              Reference::softmax(transposed(scores), probabilities);
              probabilities = transposed(probabilities);
          },
          {"forward.layer.0.probabilities[", "a transpose"}},
         {[](const Matrix& scores, Matrix& probabilities) {
              each(scores, probabilities, [](double s) { return std::exp(s); });
              for (std::size_t i = 0; i < scores.shape(0); ++i) {
                  double sum = 0;
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      sum += probabilities(i, j);
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      probabilities(i, j) /= sum;
              }
          },
          {"probabilities[0, 0]: expected 0.75, got", "not finite: an overflow"}},
         {[](const Matrix& scores, Matrix& probabilities) {
              probabilities.resize(scores.shape());
              for (std::size_t i = 0; i < scores.shape(0); ++i) {
                  double largest = scores(i, 0);
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      largest = std::max(largest, scores(i, j));
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      probabilities(i, j) = std::exp(scores(i, j) - largest);
              }
          },
          {"forward.layer.0.probabilities[", "not divided by their sums"}},
         {[](const Matrix& scores, Matrix& probabilities) {
              Reference::softmax(scores, probabilities);
              each(Matrix(probabilities), probabilities, [&](double p) { return p / static_cast<double>(scores.shape(1)); });
          },
          {"forward.layer.0.probabilities[", "times what it should be"}},
         {[](const Matrix& scores, Matrix& probabilities) { probabilities = scores; }, {"forward.layer.0.probabilities["}},
         {softmax_over_all, {"forward.layer.0.probabilities[", "all numbers together sum to 1"}},
         {[](const Matrix& scores, Matrix& probabilities) {
              each(scores, probabilities, [](double s) { return static_cast<float>(std::exp(s)); });
              for (std::size_t i = 0; i < scores.shape(0); ++i) {
                  float sum = 0;
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      sum += static_cast<float>(probabilities(i, j));
                  for (std::size_t j = 0; j < scores.shape(1); ++j)
                      probabilities(i, j) /= sum;
              }
          },
          {"forward.layer.0.probabilities[", is_float}},
         {[](const Matrix& scores, Matrix& probabilities) { probabilities(0, 0) = std::exp(scores(0, 0)); },
          {"it ended with", no_resize}}});
}

TEST_CASE("exercise 8: attention")
{
    try_versions(exercise::check_attention, right_attention,
                 {{[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       scores = product(query, transposed(key));
                       Reference::softmax(scores, probabilities);
                       context = product(probabilities, value);
                   },
                   {"forward.layer.0.scores[", "the scale is missing"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) { right_attention(key, query, value, scores, probabilities, context); },
                   {"forward.layer.0.scores[", "rows and columns are exchanged"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       for (std::size_t i = 0; i < query.shape(0); ++i)
                           for (std::size_t j = 0; j < key.shape(0); ++j)
                               for (std::size_t d = 0; d < key.shape(1); ++d)
                                   scores(i, j) = query(i, d) * key(j, d) * root_scale(query);
                   },
                   {"forward.layer.0.scores[", assigned_in_loop}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       for (std::size_t i = 0; i < query.shape(0); ++i)
                           for (std::size_t j = 0; j < key.shape(0); ++j)
                               for (std::size_t d = 0; d < value.shape(1); ++d)
                                   context(i, d) = probabilities(i, j) * value(j, d);
                   },
                   {"forward.layer.0.context[", assigned_in_loop}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       context = product(transposed(probabilities), value);
                   },
                   {"forward.layer.0.context[", "a transpose"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       context = product(probabilities, value, 1 / static_cast<double>(query.shape(0)));
                   },
                   {"forward.layer.0.context[", "a mean for a sum"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       probabilities = scores;
                   },
                   {"forward.layer.0.probabilities[", "softmax is missing"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       scores = product(query, transposed(key), 1 / std::sqrt(static_cast<double>(query.shape(0))));
                   },
                   {"forward.layer.0.scores[", "the wrong axis: D is query.shape(1), not shape(0)"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       Reference::softmax(transposed(scores), probabilities);
                       probabilities = transposed(probabilities);
                   },
                   {"forward.layer.0.probabilities[", "the wrong axis: softmax is over the keys j"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       softmax_over_all(scores, probabilities);
                   },
                   {"forward.layer.0.probabilities[", "softmax over all scores: it is over the keys j"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       context = product(scores, value);
                   },
                   {"forward.layer.0.context[", "weighted by the scores"}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       scores = product(query, transposed(key), 1 / static_cast<int>(query.shape(1)));
                   },
                   {"forward.layer.0.scores[", "every number is 0", integer_division}},
                  {[](const Matrix& query, const Matrix& key, const Matrix&, Matrix& scores, Matrix& probabilities, Matrix&) {
                       const std::size_t n = query.shape(0);
                       scores.resize({n, n});
                       for (std::size_t i = 0; i < n; ++i)
                           for (std::size_t j = 0; j < n; ++j)
                               for (std::size_t d = 0; d < query.shape(1); ++d)
                                   scores(i, j) += query(i, d) * key(j, d) * root_scale(query);
                       Reference::softmax(scores, probabilities);
                   },
                   {"forward.layer.0.scores[", "got nan", write_before_adding}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       context = Matrix();
                       context(0, 0) = 0;
                   },
                   {"it ended with", no_resize}},
                  {[](const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context) {
                       right_attention(query, key, value, scores, probabilities, context);
                       each(Matrix(context), context, [](double c) { return static_cast<float>(c); });
                   },
                   {"forward.layer.0.context[", is_float}}});
}

TEST_CASE("exercise 9: back through attention")
{
    try_versions(exercise::check_attention_backward, right_attention_backward,
                 {{[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       attention_backward_with(d_context, query, key, value, probabilities, d_query, d_key, d_value,
                                               [&](Matrix& d_scores) {
                                                   each(product(d_context, transposed(value)), probabilities, d_scores,
                                                        [](double d_p, double p) { return d_p * p; });
                                               });
                   },
                   {"d_query[", "the average is missing"}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       attention_backward_with(d_context, query, key, value, probabilities, d_query, d_key, d_value,
                                               [&](Matrix& d_scores) { d_scores *= 1 / root_scale(query); });
                   },
                   {"d_query[", "the scale is missing"}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       right_attention_backward(d_context, query, key, value, probabilities, d_query, d_key, d_value);
                       d_value = product(probabilities, d_context);
                   },
                   {"d_value[", "a transpose"}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       right_attention_backward(d_context, query, key, value, probabilities, d_query, d_key, d_value);
                       Matrix d_scores;
                       Reference::softmax_backward(product(d_context, transposed(value)), probabilities, d_scores);
                       d_key = product(d_scores, query, root_scale(query));
                   },
                   {"d_key[", "a transpose"}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       right_attention_backward(d_context, query, key, value, probabilities, d_key, d_query, d_value);
                   },
                   {"d_query["}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       right_attention_backward(d_context, query, key, value, probabilities, d_query, d_key, d_value);
                       for (std::size_t i = 0; i < query.shape(0); ++i)
                           for (std::size_t j = 0; j < key.shape(0); ++j)
                               for (std::size_t d = 0; d < value.shape(1); ++d)
                                   d_value(j, d) = probabilities(i, j) * d_context(i, d);
                   },
                   {"d_value[", assigned_in_loop}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       attention_backward_with(d_context, query, key, value, probabilities, d_query, d_key, d_value,
                                               [&](Matrix& d_scores) {
                                                   for (std::size_t i = 0; i < query.shape(0); ++i)
                                                       for (std::size_t j = 0; j + 1 < key.shape(0); ++j)
                                                           d_scores(i, j) = 0;  // the last j remains
                                               });
                   },
                   {"d_query[", assigned_in_loop}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       Matrix d_s;
                       attention_backward_with(d_context, query, key, value, probabilities, d_query, d_key, d_value,
                                               [&](const Matrix& d_scores) { d_s = d_scores; });
                       for (std::size_t i = 0; i < query.shape(0); ++i)
                           for (std::size_t j = 0; j < key.shape(0); ++j)
                               for (std::size_t d = 0; d < key.shape(1); ++d)
                                   d_key(j, d) = d_s(i, j) * query(i, d) * root_scale(query);
                   },
                   {"d_key[", assigned_in_loop}},
                  {[](const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                      const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value) {
                       right_attention_backward(d_context, query, key, value, probabilities, d_query, d_key, d_value);
                       d_value = Matrix();
                       d_value.resize(value.shape());
                       for (std::size_t i = 0; i < query.shape(0); ++i)
                           for (std::size_t j = 0; j < key.shape(0); ++j)
                               for (std::size_t d = 0; d < value.shape(1); ++d)
                                   d_value(j, d) += probabilities(i, j) * d_context(i, d);
                   },
                   {"d_value[", "got nan", write_before_adding}},
                  {[](const Matrix& d_context, const Matrix&, const Matrix&, const Matrix& value, const Matrix&, Matrix&, Matrix&,
                      Matrix&) {
                       Matrix d_probabilities;
                       d_probabilities(0, 1) = d_context(0, 0) * value(1, 0);
                   },
                   {"it ended with", no_resize}}});
}

TEST_CASE("exercise 10: a training step")
{
    try_versions(exercise::check_training_step, step_with<Slip::none>,
                 {{step_with<Slip::gradient_kept>, {"train.grad_norm[1]: expected", "set to zero before backward"}},
                  {step_with<Slip::schedule_ahead>, {"train.learning_rate[0]: expected 0, got 0.01", "the next step's"}},
                  {step_with<Slip::all_decayed>, {"after step 1: ", "LayerNorm", "biases and layer norms are decayed, too"}},
                  {step_with<Slip::along_gradient>, {"after step 1: ", "goes along the gradient"}},
                  {step_with<Slip::not_clipped>, {"after step 1: ", "not clipped"}},
                  {step_with<Slip::step_from_zero>, {"after step 0: run.m: expected", "counted from 1"}},
                  {step_with<Slip::without_update>, {"after step 0: run.m: expected", "adamw isn't called"}},
                  {step_with<Slip::own_beta1>, {"with another beta1: the norm of run.m", "update.beta1 is run.options.beta1"}},
                  {step_with<Slip::own_beta2>, {"with another beta2: the norm of run.v", "update.beta2 is run.options.beta2"}}});
}

TEST_CASE("a number that nobody has written is known from other NaN")
{
    Matrix x;
    x.resize({2, 3});
    const double overflowed = std::exp(1e4) - std::exp(1e4);
    for (const double number : x) {
        CHECK(exercise::is_unwritten(number));
        CHECK(exercise::is_unwritten(1 - std::exp(number * 2)));
    }
    CHECK(std::isnan(overflowed));
    CHECK_FALSE(exercise::is_unwritten(overflowed));
    CHECK_FALSE(exercise::is_unwritten(0));
}
