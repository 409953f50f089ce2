/// @file
/// A model: a body and its heads.
///
/// The heads that a model can have are a list of types; the heads that it has are data. A `Model<float>` of BERT's heads is
/// ```cpp
/// struct Model<float> {
///     std::optional<MaskedLmHead<float>> masked_lm;
///     std::optional<NextSentenceHead<float>> next_sentence;
///     ...  // a member for each head, under its name
///     Config config;
///     BertBody<float> body;
/// };
/// ```
/// and its functions call each head that is there, in the list's order:
/// ```cpp
/// for_each_head([&]<class Tag>(Tag) {  // runs once for each head of the list; Tag stands for the head
///     if (Tag::member(*this)) ...      // its member of this model, as in masked_lm; Tag::member(act) is that of act
/// });
/// ```
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bert/body.hpp"
#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/heads/bert_heads.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Model::forward computes.
template <class Real, template <class, class> class Body = BertBody, class Heads = BertHeads>
struct ModelActivations : HeadActivations<Real, Heads> {
    typename Body<Real, Reference>::Activations body;  ///< activations of the body
};

/// The gradients of the activations, which Model::backward reads and writes; a body's may be of another type than its
/// activations.
template <class Real, template <class, class> class Body = BertBody, class Heads = BertHeads>
struct ModelGradients : HeadActivations<Real, Heads> {
    typename Body<Real, Reference>::Gradients body;  ///< gradients of the body's activations
};

/// A body and heads. Its gradient and its optimizer moments are Models too.
/// @see Devlin et al. 2019, figure 1, for heads on one body; appendix A.2 for the sum of their losses
template <class Real, class Ops = Reference, template <class, class> class Body = BertBody, class Heads = BertHeads>
struct Model;

/// A body and the heads of a list. The list is taken apart, so that each head is a base class: Named gives the model the head's
/// member, an std::optional.
template <class Real_, class Ops, template <class, class> class Body, template <class, class> class... Head>
struct Model<Real_, Ops, Body, HeadList<Head...>> : Head<Real_, Reference>::template Named<std::optional<Head<Real_, Ops>>>... {
    using Real = Real_;                                       ///< the scalar
    using Heads = HeadList<Head...>;                          ///< the heads that a model can have
    using Activations = ModelActivations<Real, Body, Heads>;  ///< what forward computes
    using Gradients = ModelGradients<Real, Body, Heads>;      ///< what backward computes

    Config config;         ///< sizes and choices
    Body<Real, Ops> body;  ///< embeddings, encoder, pooler

    /// The parameters with our names, which are BERT's published ones.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, usually empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if they don't have the same heads
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_heads(first, selves), ...);  // for each of selves
        const Name body_name = name + (first.has_heads() ? std::string_view("bert.") : std::string_view());
        Body<Real, Ops>::parameters(visit, body_name, first.body, selves.body...);
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(first)) Tag::Head::parameters(visit, name, *Tag::member(first), *Tag::member(selves)...);
        });
    }

    /// @param config  sizes and heads
    /// @return  the model, all zeros
    /// @throws std::invalid_argument for a head that isn't in the list
    static Model make(const Config& config)
    {
        Model model;
        model.config = config;
        model.body = Body<Real, Ops>::make(config, config.has_pooler);
        std::size_t made = 0;
        for_each_head([&]<class Tag>(Tag) {
            if (!config.has_head(Tag::name())) return;
            Tag::member(model) = Tag::Head::make(config);
            ++made;
        });
        if (made != config.heads.size())
            throw std::invalid_argument("model: heads: expected distinct heads of this model's list, got " +
                                        detail::one_of(config.heads));
        return model;
    }

    /// Runs the body, then each head on the body's result.
    /// \f[ r = \mathrm{Body}(\mathrm{batch}),\quad \mathrm{logits}_k = \mathrm{Head}_k(r) \f]
    /// Symbols: \f$r\f$ `result`, \f$\mathrm{logits}_k\f$ the logits in a head's member of `act`, as in `act.masked_lm.logits`.
    /// @param batch  T tokens in B sequences
    /// @param targets  the masked-LM target names the rows that its head computes, all without one; other heads read none
    /// @param pass  the model's configuration, dropout, keep_all
    /// @param[out] act  every tensor
    /// @throws std::invalid_argument for an id, segment or position outside its table; for a pooled sequence without a
    ///     first token
    void forward(const Batch& batch, const Targets<Real, Heads>& targets, const Pass& pass, Activations& act) const
    {
        body.forward(batch, pass, act.body);
        const BodyResult<Real> result = body.result(batch, act.body);
        forward_heads(result, targets, pass, act);
    }

    /// From the logits' gradients back to the embeddings: the gradient of every parameter is added to d_model.
    /// \f[ \delta r = \sum_k \mathrm{Head}_k'(\delta\mathrm{logits}_k) \f]
    /// where a prime is a component's backward, and the body's goes on from there to its parameters; ids have no gradient. The
    /// heads are independent, so their order decides no more than the last bit of a sum. Symbols: \f$\delta r\f$ `d_result`.
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_model  a model of the same configuration; the gradients are added to it
    /// @param[in,out] d_act  the logits' gradients from loss_backward are read; the gradients of the other activations
    ///     are written
    /// @throws std::invalid_argument if a shape doesn't fit, or d_model has other heads
    void backward(const Batch& batch, const Pass& pass, const Activations& act, Model& d_model, Gradients& d_act) const
    {
        require_same_heads(*this, d_model);
        const BodyResult<Real> result = body.result(batch, act.body);
        const BodyResultGradients<Real> d_result = body.clear_result_gradients(batch, d_model.body, d_act.body);
        backward_heads(result, pass, act, d_model, d_act, d_result);
        body.backward(batch, pass, act.body, d_model.body, d_act.body);
    }

    /// Runs the heads alone. For the masked-LM head, for example, the loop does
    /// `if (masked_lm) masked_lm->forward(result, targets.masked_lm, pass, act.masked_lm);`
    /// @param result  what the body computed
    /// @param targets  as in forward
    /// @param pass  as in forward
    /// @param[out] act  the heads' tensors
    /// @throws std::invalid_argument for a row out of range, or a body without the pooled vectors that a head needs
    void forward_heads(const BodyResult<Real>& result, const Targets<Real, Heads>& targets, const Pass& pass,
                       HeadActivations<Real, Heads>& act) const
    {
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(*this)) Tag::member(*this)->forward(result, Tag::member(targets), pass, Tag::member(act));
        });
    }

    /// The backward of the heads alone. A head whose logits have no gradient (it has no target) is left out.
    /// @param result  what the body computed
    /// @param pass  as in backward
    /// @param act  as in backward
    /// @param[in,out] d_model  as in backward
    /// @param[in,out] d_act  as in backward
    /// @param[in,out] d_result  the gradients of what the heads read; added to
    /// @throws std::invalid_argument if a shape doesn't fit, or d_model has other heads
    void backward_heads(const BodyResult<Real>& result, const Pass& pass, const HeadActivations<Real, Heads>& act, Model& d_model,
                        HeadActivations<Real, Heads>& d_act, BodyResultGradients<Real> d_result) const
    {
        require_same_heads(*this, d_model);
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(*this) && Tag::member(d_act).logits.size() > 0)
                Tag::member(*this)->backward(result, pass, Tag::member(act), *Tag::member(d_model), Tag::member(d_act), d_result);
        });
    }

    /// The sum of the heads' losses.
    /// \f[ \ell = \sum_{\mathrm{heads\ with\ a\ target}} \ell_{\mathrm{head}} \f]
    /// Symbols: \f$\ell\f$ `losses.total`, \f$\ell_{\mathrm{head}}\f$ the member of its name.
    /// @param batch  as in forward
    /// @param targets  training targets of the batch
    /// @param counts  of the whole batch
    /// @param options  smoothing, divisor
    /// @param act  what forward computed
    /// @return  each head's loss, and their sum
    /// @throws std::invalid_argument if a target doesn't fit, or counts are smaller than this batch's own
    Losses<Real, Heads> loss(const Batch& batch, const Targets<Real, Heads>& targets, const Counts<Real, Heads>& counts,
                             const LossOptions& options, const HeadActivations<Real, Heads>& act) const
    {
        Losses<Real, Heads> losses;
        for_each_head([&]<class Tag>(Tag) {
            if (!Tag::member(targets) || !Tag::member(*this)) return;
            const auto labels = static_cast<double>(Tag::Head::count(batch, *Tag::member(targets)));
            const auto labels_of_all = static_cast<double>(Tag::member(counts));
            if (!(labels_of_all >= labels))
                throw std::invalid_argument(std::string(Tag::name()) + ": count: expected that of the whole batch, got " +
                                            std::to_string(labels_of_all) + " for " +
                                            std::to_string(static_cast<std::size_t>(labels)) + " labels");
            Tag::member(losses) =
                Tag::member(*this)->loss(batch, *Tag::member(targets), Tag::member(counts), options, Tag::member(act));
            losses.total += *Tag::member(losses);
            losses.count += static_cast<std::size_t>(labels);  // a whole number
        });
        return losses;
    }

    /// The gradients of the logits.
    /// @param batch  as in loss
    /// @param targets  as in loss
    /// @param counts  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradients of each head's logits; empty for a head without a target
    /// @throws std::invalid_argument if a target doesn't fit
    void loss_backward(const Batch& batch, const Targets<Real, Heads>& targets, const Counts<Real, Heads>& counts,
                       const LossOptions& options, const HeadActivations<Real, Heads>& act,
                       HeadActivations<Real, Heads>& d_act) const
    {
        for_each_head([&]<class Tag>(Tag) {
            Tag::member(d_act).logits.resize({0, 0});
            if (Tag::member(targets) && Tag::member(*this))
                Tag::member(*this)->loss_backward(batch, *Tag::member(targets), Tag::member(counts), options, Tag::member(act),
                                                  Tag::member(d_act));
        });
    }

    /// Adds the losses of a micro-batch to the batch's.
    /// @param losses  losses of the micro-batch
    /// @param[in,out] sum  sum over the micro-batches so far
    static void add_losses(const Losses<Real, Heads>& losses, Losses<Real, Heads>& sum)
    {
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(losses)) Tag::member(sum) = Tag::member(sum).value_or(0) + *Tag::member(losses);
        });
        sum.total += losses.total;
        sum.count += losses.count;
    }

    /// Checks that targets fit a batch and the model.
    /// @param batch  the tokens
    /// @param targets  its training targets
    /// @throws std::invalid_argument for a target that doesn't fit, and if there are targets but none for a head of the model
    void check(const Batch& batch, const Targets<Real, Heads>& targets) const
    {
        bool any = false, taken = false;
        for_each_head([&]<class Tag>(Tag) {
            any = any || Tag::member(targets);
            if (!Tag::member(targets) || !Tag::member(*this)) return;
            taken = true;
            Tag::Head::check(batch, *Tag::member(targets), config);
        });
        if (any && !taken) throw std::invalid_argument("targets: expected at least one for a head of the model, got none");
    }

    /// Counts labelled items.
    /// @param batch  the tokens
    /// @param targets  its training targets
    /// @param[in,out] counts  are added to
    void count(const Batch& batch, const Targets<Real, Heads>& targets, Counts<Real, Heads>& counts) const
    {
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(targets) && Tag::member(*this)) Tag::member(counts) += Tag::Head::count(batch, *Tag::member(targets));
        });
    }

    /// The rows of the hidden states that pooler and heads read. In training, no others need be computed.
    /// @param batch  the tokens
    /// @param targets  its training targets
    /// @param[out] rows  ascending; empty stands for all: a head reads all of them, or nothing is read
    void read_rows(const Batch& batch, const Targets<Real, Heads>& targets, std::vector<std::size_t>& rows) const
    {
        rows.clear();
        body.read_rows(batch, rows);
        bool reads_all = false;
        for_each_head([&]<class Tag>(Tag) {
            if (!Tag::member(*this) || reads_all) return;
            // Without a target, the masked-LM head computes all rows; every head counts as one that reads all.
            reads_all = !Tag::member(targets) || !Tag::Head::read_rows(batch, *Tag::member(targets), rows);
        });
        if (reads_all) rows.clear();
        std::sort(rows.begin(), rows.end());
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    }

    /// @return  whether the model has a head; the heads' parameters then have no prefix, and the body's begin with `bert.`
    bool has_heads() const
    {
        bool any = false;
        for_each_head([&]<class Tag>(Tag) { any = any || Tag::member(*this); });
        return any;
    }

    /// Calls a function for each head of the list.
    /// @param visit  visit(tag): `tag.member(owner)` is that head's member of a model, of targets or of activations (see
    ///     detail::HeadTag)
    template <class Visit>
    static void for_each_head(const Visit& visit)
    {
        (visit(detail::HeadTag<Head<Real, Ops>>{}), ...);
    }

private:
    template <class Other>
    static void require_same_heads(const Model& model, const Other& other)
    {
        for_each_head([&]<class Tag>(Tag) {
            if (Tag::member(model).has_value() != Tag::member(other).has_value())
                throw std::invalid_argument("model: expected instances with the same heads");
        });
    }
};

}  // namespace bert
