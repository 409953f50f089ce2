#include "instances.hpp"

BERT_INSTANCES(, double, bert::Fast);
