#include "variants.hpp"

BERT_VARIANT_INSTANCES(, float, bert::Fast);
