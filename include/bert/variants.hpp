/// @file
/// All variants of BERT, and the body and the heads of each family: for programs that take the model of any folder.
#pragma once

#include "bert/body.hpp"
#include "bert/heads/bert_heads.hpp"
#include "bert/io/families.hpp"
#include "bert/io/family.hpp"
#include "bert/variants/albert.hpp"
#include "bert/variants/distilbert.hpp"
#include "bert/variants/gpt2.hpp"
#include "bert/variants/mobilebert.hpp"
#include "bert/variants/roberta.hpp"

namespace bert {

/// Calls a function with the body and the heads of a family. A family is a value, known when the program runs; a model's body and
/// heads are types. So the function is compiled for every family.
/// ```cpp
/// const bert::Family& family = bert::family_of(folder / "config.json");
/// bert::with_family(family, [&]<template <class, class> class Body, class Heads>() {
///     const auto model = bert::load_model<float, bert::Fast, Body, Heads>(folder, nullptr, family);
///     ...
/// });
/// ```
/// @param family  one of `families`; of another one, body and heads are BERT's
/// @param visit  called as visit<Body, Heads>(); returns the same type for every family
/// @return  what it returns
template <class Visit>
auto with_family(const Family& family, const Visit& visit)
{
    if (family.model_type == roberta_family.model_type) return visit.template operator()<BertBody, RobertaHeads>();
    if (family.model_type == distilbert_family.model_type) return visit.template operator()<BertBody, DistilBertHeads>();
    if (family.model_type == albert_family.model_type) return visit.template operator()<BertBody, AlbertHeads>();
    if (family.model_type == mobilebert_family.model_type) return visit.template operator()<MobileBertBody, MobileBertHeads>();
    if (family.model_type == gpt2_family.model_type) return visit.template operator()<Gpt2Body, Gpt2Heads>();
    return visit.template operator()<BertBody, BertHeads>();
}

}  // namespace bert
