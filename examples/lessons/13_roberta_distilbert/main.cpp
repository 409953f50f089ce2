// Lesson 13: RoBERTa, which is BERT trained better, and DistilBERT, which is half of BERT, taught by the whole.
//
// Beside it: include/bert/variants/roberta.hpp and variants/distilbert.hpp, which begin with a table of all differences and their
// reasons; core/positions.hpp, heads/on_own_layer.hpp, pooler.hpp.
// Liu et al. 2019, section 4; Sanh et al. 2019, sections 2 and 3; Hinton, Vinyals and Dean 2015, section 2 (temperature).
#include <bert/core/parameters.hpp>
#include <bert/io/architectures.hpp>
#include <bert/variants/distilbert.hpp>
#include <bert/variants/roberta.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A vocabulary of eight words. The first three are RoBERTa's <s>, <pad> and </s>, with their published ids.
enum Word : std::int64_t { start, pad, end, mask, the, dog, bites, man };

// Tiny sizes for a class of a family: V = 8, H = 4, two heads, I = 8, one layer.
Config tiny_config(const Family& family, std::string_view architecture)
{
    Config config = family.defaults();
    set_architecture(architecture, config, "config", family);
    config.vocab_size = 8;
    config.hidden_size = 4;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 8;
    config.max_position_embeddings = 12;
    config.pad_token_id = pad;
    return config;
}

// Arbitrary weights from -1 to 1; the layer norms have gamma 1 and beta 0.
template <class Component>
void fill_arbitrarily(Component& component)
{
    std::size_t k = 0;
    const auto fill = [&k](const Name& name, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i) {
            const double arbitrary = static_cast<double>(7 * k++ % 19) / 9 - 1;
            tensor.data()[i] = name.kind() == ParameterKind::scale ? 1 : name.kind() == ParameterKind::shift ? 0 : arbitrary;
        }
    };
    Component::parameters(fill, "", component);
}

template <class AnyModel>
AnyModel make_model(const Config& config)
{
    AnyModel model = AnyModel::make(config);
    fill_arbitrarily(model);
    return model;
}

// Prints the parameters that are neither of embeddings nor of blocks, and returns how many belong to a pooler.
template <class AnyModel>
std::size_t list_last_parameters(const char* whose, const AnyModel& model)
{
    std::size_t of_pooler = 0;
    std::printf("   %s:\n", whose);
    const auto list = [&of_pooler](const std::string& name, const auto& tensor) {
        if (name.find("embeddings") != std::string::npos || name.find("encoder") != std::string::npos) return;
        std::printf("     %-28s %s\n", name.c_str(), shape_text(tensor.shape()).c_str());
        of_pooler += name.find("pooler") != std::string::npos ? 1 : 0;
    };
    AnyModel::parameters(list, "", model);
    return of_pooler;
}

// The logits of the word at a masked row, [1, V].
template <class AnyModel>
Tensor<double, 2> masked_logits(const AnyModel& model, const Batch& batch, std::size_t row)
{
    Targets<double, typename AnyModel::Heads> targets;
    targets.masked_lm = MaskedLmTarget{{row}, {0}};
    Workspace workspace;
    typename AnyModel::Activations act;
    model.forward(batch, targets, {model.config, batch.sequences, workspace}, act);
    return act.masked_lm.logits;
}

// softmax(logits / temperature).
Tensor<double, 2> softmax_at(double temperature, Tensor<double, 2> logits)
{
    for (double& logit : logits)
        logit /= temperature;
    Tensor<double, 2> probabilities;
    Reference::softmax(logits, probabilities);
    return probabilities;
}

// The Kullback-Leibler divergence of two rows of probabilities: 0 if they are the same, otherwise positive.
double divergence(const Tensor<double, 2>& p, const Tensor<double, 2>& q)
{
    double sum = 0;
    for (std::size_t v = 0; v < p.shape(1); ++v)
        sum += p(0, v) * std::log(p(0, v) / q(0, v));
    return sum;
}

// The largest absolute value.
double largest(const Tensor<double, 2>& tensor)
{
    double value = 0;
    for (const double x : tensor)
        value = std::max(value, std::abs(x));
    return value;
}

void print_ids(const char* what, const IndexTensor<1>& ids, const Sequences& sequences)
{
    std::printf("   %-20s", what);
    for (std::size_t b = 0; b < sequences.count(); ++b) {
        for (std::size_t t = sequences.begin[b]; t < sequences.begin[b + 1]; ++t)
            std::printf(" %d", static_cast<int>(ids(t)));
        std::printf(b + 1 < sequences.count() ? "  |" : "\n");
    }
}

int main()
{
    std::puts(
        "1. RoBERTa's body is BERT's, and so are its blocks. Only the tables of the embeddings have another number of rows.");
    const Config bert_base = bert_family.defaults();
    Config roberta_base = roberta_family.defaults();  // 50,265 words
    roberta_base.max_position_embeddings = 514;
    roberta_base.type_vocab_size = 1;
    const std::size_t of_bert = parameter_count(bert_base), of_roberta = parameter_count(roberta_base);
    std::printf("   parameters: BERT-base %zu, RoBERTa-base %zu\n", of_bert, of_roberta);  // STOP 1: roberta_base
    claim(of_roberta - of_bert == (50265 - 30522 + 514 - 512 + 1 - 2) * 768,
          "19,743 more words, 2 more positions, 1 segment less: 768 numbers each");

    std::puts(
        "2. BERT's positions count the places of the padded sequence. RoBERTa's count the tokens, and begin at the padding id + "
        "1.");
    const IndexTensor<2> ids = {{start, the, dog, end, pad, pad}, {pad, pad, start, the, dog, end}};  // [B = 2, L = 6]
    const IndexTensor<2> real = {{1, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 1, 1}};
    const Batch padded = pack(ids, zeros<std::int64_t, 2>({2, 6}), real);
    Config roberta_config = tiny_config(roberta_family, "RobertaModel");
    roberta_config.type_vocab_size = 1;
    IndexTensor<1> bert_rows, roberta_rows;
    position_rows(padded, tiny_config(bert_family, "BertModel"), bert_rows);
    position_rows(padded, roberta_config, roberta_rows);
    std::puts("   the same text with its padding behind it, and in front of it:");
    print_ids("ids", padded.ids, padded.sequences);
    print_ids("rows in BERT", bert_rows, padded.sequences);
    print_ids("rows in RoBERTa", roberta_rows, padded.sequences);  // STOP 2: padded.positions, bert_rows, roberta_rows
    bool same_in_bert = true, same_in_roberta = true;
    for (std::size_t t = 0; t < 4; ++t) {
        same_in_bert = same_in_bert && bert_rows(t) == bert_rows(4 + t);
        same_in_roberta = same_in_roberta && roberta_rows(t) == roberta_rows(4 + t);
    }
    claim(same_in_roberta && !same_in_bert, "padding in front moves a text in BERT, but not in RoBERTa");
    IndexTensor<1> not_masked;
    position_rows(pack({{start, the, end, pad}}), roberta_config, not_masked);
    claim(not_masked(0) == 2 && not_masked(3) == 1, "the first token has row 2; row 1 is that of padding, if no mask hides it");

    std::puts("3. RoBERTa has one segment. The only row of its table is added to every token, which tells it nothing.");
    auto one_segment = Embeddings<double>::make(roberta_config);
    fill_arbitrarily(one_segment);
    Embeddings<double> no_segment = one_segment;  // the row is added to the positions, and the table is empty
    for (std::size_t p = 0; p < no_segment.position.shape(0); ++p)
        for (std::size_t h = 0; h < 4; ++h)
            no_segment.position(p, h) += one_segment.segment(0, h);
    no_segment.segment = zeros<double, 2>({0, 4});
    Workspace workspace;
    const Pass pass{roberta_config, padded.sequences, workspace};
    EmbeddingsActivations<double> with_row, without_row;
    one_segment.forward(padded, pass, with_row);
    no_segment.forward(padded, pass, without_row);
    claim(max_difference(with_row.y, without_row.y) < 1e-12, "with the row in the positions, and no table, all is the same");
    std::string message;
    try {
        EmbeddingsActivations<double> refused;
        const Batch two_segments = pack({{start, dog, end, man, end}}, {{0, 0, 0, 1, 1}});
        one_segment.forward(two_segments, {roberta_config, two_segments.sequences, workspace}, refused);
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    std::printf("   %s\n", message.c_str());  // STOP 3: with_row.y, without_row.y, message
    claim(message == "embeddings: segments[3]: expected 0 to 0, got 1", "a second segment is an error");

    std::puts("4. Neither is trained on next sentence, which trains BERT's pooler. Their classifiers have a layer of their own.");
    const auto bert_classifier = make_model<Model<double>>(tiny_config(bert_family, "BertForSequenceClassification"));
    const auto roberta_classifier =
        make_model<RobertaModel<double>>(tiny_config(roberta_family, "RobertaForSequenceClassification"));
    const auto distilbert_classifier =
        make_model<DistilBertModel<double>>(tiny_config(distilbert_family, "DistilBertForSequenceClassification"));
    const std::size_t poolers[] = {list_last_parameters("BERT", bert_classifier),
                                   list_last_parameters("RoBERTa", roberta_classifier),
                                   list_last_parameters("DistilBERT", distilbert_classifier)};
    claim(poolers[0] == 2 && poolers[1] == 0 && poolers[2] == 0,
          "only BERT's is part of the body, and so of pre-training");  // STOP 4: roberta_classifier.sequence_classification

    std::puts("5. With the same weights and without dropout, RoBERTa's layer is the pooler. DistilBERT's has ReLU for tanh.");
    const Tensor<double, 2> hidden = {{1, -1, 2, 3}, {0, 1, 0, 1}, {2, 0, 0, 1}, {1, 1, 0, 0},   // [T = 8, H = 4]
                                      {4, 1, -2, 1}, {1, 0, 1, 0}, {0, 0, 2, 1}, {1, 2, 0, 0}};  // the second text: rows 4 to 7
    const Batch batch = pack({{start, the, dog, end}, {start, the, man, end}});
    const Pooler<double>& pooler = *bert_classifier.body.pooler;
    RobertaSequenceClassificationHead<double> roberta_head = *roberta_classifier.sequence_classification;
    roberta_head.layer.dense = pooler.dense;
    roberta_head.dense = bert_classifier.sequence_classification->dense;
    const DistilBertClassifierLayer<double> distilbert_layer{pooler.dense};
    PoolerActivations<double> of_pooler;
    pooler.forward(hidden, batch, pass, of_pooler);
    const Tensor<double, 2> unused;  // the word table, which classifiers don't read, and RoBERTa's pooled vectors
    SequenceClassificationActivations<double> of_bert_head;
    bert_classifier.sequence_classification->forward({batch, hidden, of_pooler.pooled, unused}, {}, pass, of_bert_head);
    RobertaSequenceClassificationHead<double>::Activations of_roberta_head;
    roberta_head.forward({batch, hidden, unused, unused}, {}, pass, of_roberta_head);
    DistilBertClassifierLayerActivations<double> of_distilbert_layer;
    distilbert_layer.forward(hidden, batch, pass, of_distilbert_layer);
    show("u: the linear layer, in all three", of_pooler.pre_activation);
    show("tanh(u): BERT and RoBERTa", of_roberta_head.layer.y);
    show("max(0, u): DistilBERT", of_distilbert_layer.y);  // STOP 5: of_pooler, of_roberta_head.layer, of_distilbert_layer
    claim(of_roberta_head.layer.y == of_pooler.pooled && of_roberta_head.logits == of_bert_head.logits,
          "RoBERTa's vectors and logits are BERT's, bit for bit");
    bool is_relu = of_distilbert_layer.pre_activation == of_pooler.pre_activation;
    for (std::size_t i = 0; i < 8; ++i)
        is_relu = is_relu && of_distilbert_layer.y.data()[i] == std::max(0.0, of_pooler.pre_activation.data()[i]);
    claim(is_relu, "DistilBERT's layer differs in the last step only");
    Pass with_dropout = pass;
    with_dropout.dropout.classifier = 0.5;
    with_dropout.dropout.stream.seed = 5;
    RobertaSequenceClassificationHead<double>::Activations in_training;
    roberta_head.forward({batch, hidden, unused, unused}, {}, with_dropout, in_training);
    show("the first hidden states", in_training.layer.first, 0);
    show("what RoBERTa's layer reads, with dropout of one half", in_training.layer.after_dropout, 0);
    bool zero_or_double = true;
    for (std::size_t i = 0; i < 8; ++i) {
        const double before = in_training.layer.first.data()[i], after = in_training.layer.after_dropout.data()[i];
        zero_or_double = zero_or_double && (after == 0 || after == 2 * before);
    }
    claim(zero_or_double, "in training, dropout stands in front of the layer, too");

    std::puts("6. DistilBERT has half of BERT's layers, no segments and no pooler. Half the layers aren't half the parameters.");
    const std::size_t of_distilbert = parameter_count(distilbert_family.defaults());
    const std::size_t block = count_parameters(EncoderBlock<float>::make(bert_base));
    std::printf("   BERT-base %zu, DistilBERT %zu: %.0f %%\n", of_bert, of_distilbert,
                100 * static_cast<double>(of_distilbert) / static_cast<double>(of_bert));
    std::printf("   its embeddings hold %zu, its six blocks %zu\n", of_distilbert - 6 * block, 6 * block);  // STOP 6: block
    claim(of_bert - of_distilbert == 6 * block + 2 * 768 + (768 * 768 + 768),
          "six blocks, two segments and the pooler less; the words and positions stay");

    std::puts("7. The student begins with its teacher's embeddings and every other layer: 0, 2, 4, 7, 9 and 11 of twelve.");
    Config teacher_config = tiny_config(bert_family, "BertForPreTraining"),
           student_config = tiny_config(distilbert_family, "DistilBertForMaskedLM");
    teacher_config.num_hidden_layers = 12;
    student_config.num_hidden_layers = 6;
    const auto teacher = make_model<Model<double>>(teacher_config);
    auto student = DistilBertModel<double>::make(student_config);
    student.body.embeddings.word = teacher.body.embeddings.word;
    student.body.embeddings.position = teacher.body.embeddings.position;
    student.body.embeddings.norm = teacher.body.embeddings.norm;
    const std::vector<std::size_t> taken = {0, 2, 4, 7, 9, 11};
    for (std::size_t l = 0; l < 6; ++l)
        student.body.encoder.layer[l] = teacher.body.encoder.layer[taken[l]];
    student.masked_lm = teacher.masked_lm;
    std::printf("   teacher: 12 blocks, %zu parameters; student: 6 blocks, %zu\n", count_parameters(teacher),
                count_parameters(student));  // STOP 7: student.body.encoder.layer[5]
    const std::size_t less = 6 * count_parameters(teacher.body.encoder.layer[0]) + 2 * 4 + (4 * 4 + 4) + (2 * 4 + 2);
    claim(count_parameters(teacher) - count_parameters(student) == less,
          "six blocks, two segments, the pooler and the next-sentence head less");
    claim(taken.front() == 0 && taken.back() == 11, "the first and the last layer are among them");

    std::puts("8. The teacher says how likely each word is. Temperature 2 halves the logits, so that unlikely words count more.");
    const Batch question = pack({{start, the, mask, bites, the, man, end}});
    const Tensor<double, 2> teacher_logits = masked_logits(teacher, question, 2);
    Tensor<double, 2> student_logits = masked_logits(student, question, 2);  // [1, V]
    const Tensor<double, 2> sharp = softmax_at(1, teacher_logits);
    const Tensor<double, 2> p_teacher = softmax_at(2, teacher_logits), p_student = softmax_at(2, student_logits);
    show("teacher, temperature 1", sharp);
    show("teacher, temperature 2", p_teacher);
    show("student, temperature 2", p_student);  // STOP 8: teacher_logits, student_logits
    claim(largest(p_teacher) < largest(sharp) &&
              *std::min_element(p_teacher.begin(), p_teacher.end()) > *std::min_element(sharp.begin(), sharp.end()),
          "the largest probability becomes smaller, the smallest larger");

    std::puts("9. The loss of this token: 4 times the sum of p_teacher log(p_teacher / p_student).");
    double sum = 0, cross_entropy = 0, entropy = 0;
    for (std::size_t v = 0; v < 8; ++v) {
        sum += p_teacher(0, v) * std::log(p_teacher(0, v) / p_student(0, v));
        cross_entropy -= p_teacher(0, v) * std::log(p_student(0, v));
        entropy -= p_teacher(0, v) * std::log(p_teacher(0, v));
    }
    const double term = 4 * sum;
    std::printf("   4 x %.5f = %.4f\n", sum, term);
    claim(std::abs(term - 4 * (cross_entropy - entropy)) < 1e-12,
          "it is the cross-entropy, without the teacher's own entropy, which the student can't change");
    claim(divergence(p_teacher, p_teacher) == 0 && sum > 0, "it is 0 for a student that says the same");
    const auto loss = [&] { return 4 * divergence(p_teacher, softmax_at(2, student_logits)); };
    const Tensor<double, 2> slopes = by_differences(student_logits, loss);
    const Tensor<double, 2> d_logits = 2 * (p_student - p_teacher);
    show("its gradient: 2 (p_student - p_teacher)", d_logits);  // STOP 9: term, d_logits, slopes
    claim(max_difference(slopes, d_logits) < 1e-8, "the same as by differences");

    std::puts("10. Why 4? Dividing the logits by T makes their gradient smaller, about as 1 / T squared. T squared undoes it.");
    std::puts("    T   largest gradient   times T squared");
    std::vector<double> without_factor, with_factor;
    for (const double T : {1.0, 2.0, 4.0, 8.0, 16.0}) {
        const Tensor<double, 2> d_sum = (softmax_at(T, student_logits) - softmax_at(T, teacher_logits)) / T;
        without_factor.push_back(largest(d_sum));
        with_factor.push_back(T * T * largest(d_sum));
        std::printf("   %2.0f         %8.4f          %8.4f\n", T, without_factor.back(), with_factor.back());
    }
    claim(without_factor[4] < without_factor[0] / 50, "alone, it almost vanishes");  // STOP 10: without_factor, with_factor
    claim(
        *std::max_element(with_factor.begin(), with_factor.end()) < 3 * *std::min_element(with_factor.begin(), with_factor.end()),
        "with the factor it keeps about its size, whatever the temperature");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. RoBERTa-base has a position table of 514 rows; its padding id is 1. How many tokens does the longest sequence have?
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. A student of BERT-base with three layers, without segments and pooler: how many parameters does it have?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 3. The loss of one token at any temperature T: T squared times the sum of p_teacher log(p_teacher / p_student). Logits can be
//    as large as 1000.
std::optional<double> your_distillation([[maybe_unused]] const std::vector<double>& teacher_logits,
                                        [[maybe_unused]] const std::vector<double>& student_logits,
                                        [[maybe_unused]] double temperature)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

void exercises()
{
    exercise(1, "How many tokens does RoBERTa-base's longest sequence have?", answer_1.has_value(), [] {
        Config config = roberta_family.defaults();
        config.max_position_embeddings = 514;
        return wrong_number(static_cast<double>(*answer_1), static_cast<double>(config.longest_sequence()), 0.5);
    });

    exercise(2, "How many parameters does a student of three layers have?", answer_2.has_value(), [] {
        Config config = distilbert_family.defaults();
        config.num_hidden_layers = 3;
        return wrong_number(static_cast<double>(*answer_2), static_cast<double>(parameter_count(config)), 0.5);
    });

    exercise(3, "The loss of one token, written by you.", your_distillation({0, 1}, {1, 0}, 2).has_value(), [] {
        const std::vector<std::vector<double>> teachers = {{1, 2, 3}, {1, 2, 3}, {0, 5, 1}, {1000, 998, 997}};
        const std::vector<std::vector<double>> students = {{3, 2, 1}, {1, 2, 3}, {0, 0, 0}, {999, 1000, 998}};
        for (std::size_t k = 0; k < teachers.size(); ++k) {
            for (const double T : {1.0, 2.0, 5.0}) {
                const auto row = [](const std::vector<double>& v) { return Tensor<double, 2>{{v[0], v[1], v[2]}}; };
                const double right = T * T * divergence(softmax_at(T, row(teachers[k])), softmax_at(T, row(students[k])));
                const std::string wrong = wrong_for(text_of(teachers[k]) + ", " + text_of(students[k]) + ", T = " + text_of(T),
                                                    your_distillation(teachers[k], students[k], T).value(), right, 1e-9);
                if (!wrong.empty()) return wrong;
            }
        }
        return std::string();
    });
}
