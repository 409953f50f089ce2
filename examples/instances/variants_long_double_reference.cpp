#include "variants.hpp"

BERT_VARIANT_INSTANCES(, long double, bert::Reference);
