#include "instances.hpp"

BERT_INSTANCES(, float, bert::Fast);
