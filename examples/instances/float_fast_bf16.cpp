#include "instances.hpp"

BERT_INSTANCES(, float, bert::FastBf16);
