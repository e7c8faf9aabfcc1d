#include "postgres.h"
#include "lint/rules.h"
const SmigRuleFamily smig_rules_design = {NULL, 0};
