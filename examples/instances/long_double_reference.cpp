#include "instances.hpp"

BERT_INSTANCES(, long double, bert::Reference);
