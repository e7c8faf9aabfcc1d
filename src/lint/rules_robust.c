#include "postgres.h"
#include "lint/rules.h"
const SmigRuleFamily smig_rules_robust = {NULL, 0};
