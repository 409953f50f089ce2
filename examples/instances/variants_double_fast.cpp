#include "variants.hpp"

BERT_VARIANT_INSTANCES(, double, bert::Fast);
