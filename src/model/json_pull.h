/*-------------------------------------------------------------------------
 *
 * json_pull.h
 *	  JSON text read token by token.
 *
 * A long document is read without a tree of it in memory.  The reader stands on
 * a token; each function that reads a value leaves it on what follows.
 *
 * IDENTIFICATION
 *	  src/model/json_pull.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SMIG_JSON_PULL_H
#define SMIG_JSON_PULL_H

#include "common/jsonapi.h"

typedef JsonLexContext SmigJson;

/* json_pull.c */
extern SmigJson *smig_json_begin(const char *text);
extern void smig_json_end(SmigJson *json);
extern bool smig_json_enter(SmigJson *json, JsonTokenType start);
extern char *smig_json_member(SmigJson *json, bool first);
extern bool smig_json_element(SmigJson *json, bool first);
extern char *smig_json_string(SmigJson *json);
extern bool smig_json_true(SmigJson *json);
extern void smig_json_skip(SmigJson *json);

#endif							/* SMIG_JSON_PULL_H */
