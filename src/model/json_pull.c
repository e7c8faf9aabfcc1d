/*-------------------------------------------------------------------------
 *
 * json_pull.c
 *	  JSON text read token by token, with PostgreSQL's own scanner.
 *
 * All errors are those of casting text to jsonb: 22P02, and 22P05 for a zero
 * byte that is written as an escape.
 *
 * IDENTIFICATION
 *	  src/model/json_pull.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/jsonfuncs.h"

#include "compat.h"
#include "model/json_pull.h"

static void
next_token(SmigJson *json)
{
	JsonParseErrorType error = json_lex(json);

	if (error != JSON_SUCCESS)
		smig_json_error(error, json);
}

/*
 * Reports that the present token is not what may stand there.
 */
SMIG_NORETURN static void
unexpected(SmigJson *json, JsonParseErrorType expected)
{
	if (json->token_start == NULL || json->token_type == JSON_TOKEN_END)
		expected = JSON_EXPECTED_MORE;
	smig_json_error(expected, json);
	pg_unreachable();
}

static void
expect(SmigJson *json, JsonTokenType type, JsonParseErrorType expected)
{
	if (json->token_type != type)
		unexpected(json, expected);
	next_token(json);
}

/*
 * Starts to read a document, which must outlive the reader, at its first token.
 */
SmigJson *
smig_json_begin(const char *text)
{
	SmigJson   *json = smig_json_lexer(text, strlen(text));

	next_token(json);
	return json;
}

/*
 * The document must end here.
 */
void
smig_json_end(SmigJson *json)
{
	if (json->token_type != JSON_TOKEN_END)
		unexpected(json, JSON_EXPECTED_END);
}

/*
 * Enters an object or array ("start" says which); false, and nothing is read,
 * when the value is something else.
 */
bool
smig_json_enter(SmigJson *json, JsonTokenType start)
{
	if (json->token_type != start)
		return false;
	next_token(json);
	return true;
}

/*
 * The name of the next member of an object that has been entered, in the
 * current memory context; the reader stands on its value then.  NULL at the end
 * of the object, which has been left then.
 */
char *
smig_json_member(SmigJson *json, bool first)
{
	char	   *name;

	CHECK_FOR_INTERRUPTS();
	if (json->token_type == JSON_TOKEN_OBJECT_END)
	{
		next_token(json);
		return NULL;
	}
	if (!first)
		expect(json, JSON_TOKEN_COMMA, JSON_EXPECTED_OBJECT_NEXT);
	if (json->token_type != JSON_TOKEN_STRING)
		unexpected(json, first ? JSON_EXPECTED_OBJECT_FIRST :
				   JSON_EXPECTED_STRING);
	name = pnstrdup(json->strval->data, json->strval->len);
	next_token(json);
	expect(json, JSON_TOKEN_COLON, JSON_EXPECTED_COLON);
	return name;
}

/*
 * Whether an array that has been entered has one more element, on which the
 * reader stands then; else the array has been left.
 */
bool
smig_json_element(SmigJson *json, bool first)
{
	CHECK_FOR_INTERRUPTS();
	if (json->token_type == JSON_TOKEN_ARRAY_END)
	{
		next_token(json);
		return false;
	}
	if (!first)
		expect(json, JSON_TOKEN_COMMA, JSON_EXPECTED_ARRAY_NEXT);
	return true;
}

/*
 * Reads a string into the current memory context; NULL, and nothing is read,
 * when the value is something else.
 */
char *
smig_json_string(SmigJson *json)
{
	char	   *value;

	if (json->token_type != JSON_TOKEN_STRING)
		return NULL;
	value = pnstrdup(json->strval->data, json->strval->len);
	next_token(json);
	return value;
}

/*
 * Reads any value; whether it is "true".
 */
bool
smig_json_true(SmigJson *json)
{
	bool		value = json->token_type == JSON_TOKEN_TRUE;

	smig_json_skip(json);
	return value;
}

/*
 * Reads over a value of any type.
 */
void
smig_json_skip(SmigJson *json)
{
	char	   *name;
	bool		first = true;

	check_stack_depth();
	switch (json->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
			next_token(json);
			while ((name = smig_json_member(json, first)) != NULL)
			{
				first = false;
				pfree(name);
				smig_json_skip(json);
			}
			break;
		case JSON_TOKEN_ARRAY_START:
			next_token(json);
			for (; smig_json_element(json, first); first = false)
				smig_json_skip(json);
			break;
		case JSON_TOKEN_STRING:
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
		case JSON_TOKEN_NULL:
			next_token(json);
			break;
		default:
			unexpected(json, JSON_EXPECTED_JSON);
	}
}
