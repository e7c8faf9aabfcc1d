#include "postgres.h"
#include "lint/rules.h"
const SmigRuleFamily smig_rules_compat = {NULL, 0};
