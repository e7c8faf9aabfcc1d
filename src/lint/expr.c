/*-------------------------------------------------------------------------
 *
 * expr.c
 *	  What PostgreSQL's analyser says about expressions of a statement that
 *	  has not run yet.
 *
 * Columns are resolved by a parser hook from a SmigRelation, so expressions
 * over tables and columns that earlier statements of the script make can be
 * analysed too.  Analysis may fail for many reasons (a function the script
 * makes, a type it makes); it runs in a subtransaction that is always rolled
 * back, and failure means "not known", never an error for the caller.
 *
 * IDENTIFICATION
 *	  src/lint/expr.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "parser/parse_utilcmd.h"
#include "parser/parser.h"
#include "partitioning/partbounds.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "lint/expr.h"

/* Settings of a script that change what its expressions mean. */
static const char *const relevant_settings[] = {"search_path", "timezone"};

/* Looking something up must not wait for whoever is changing it. */
#define LOOKUP_LOCK_TIMEOUT "50ms"

static void
apply_settings(SmigPending *pending)
{
	(void) set_config_option("lock_timeout", LOOKUP_LOCK_TIMEOUT, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < lengthof(relevant_settings); i++)
	{
		const char *value = smig_pending_setting(pending, relevant_settings[i]);

		if (value)
			(void) set_config_option(relevant_settings[i], value, PGC_USERSET,
									 PGC_S_SESSION, GUC_ACTION_SAVE, true,
									 DEBUG1, false);
	}
}

/*
 * Calls "callback" with the settings of the script in force, inside a
 * subtransaction that is rolled back in any case, which also gives back locks
 * it took.  What it allocates in the current memory context stays.  Returns
 * false when it failed with an error about the input; cancellation, shutdown
 * and lack of resources are passed on.
 *
 * Analysis can run code of the script: input functions of its literals, checks
 * of domains in them, bounds of partitions.  So nothing is analysed of a script
 * whose author is not trusted.
 */
bool
smig_expr_try(SmigPending *pending, SmigTryCallback callback, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;
	ErrorData  *volatile error = NULL;

	if (pending->untrusted)
		return false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		apply_settings(pending);
		callback(arg);
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error)
	{
		int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

		if (category == ERRCODE_OPERATOR_INTERVENTION ||
			category == ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(error);
		FreeErrorData(error);
	}
	return done;
}

/*
 * Whether a function is one that this session would run only because somebody
 * else wrote it: neither the server's, nor its own, nor a superuser's.
 */
static bool
is_foreign_function(Oid function, void *context)
{
	HeapTuple	tuple;
	Oid			owner;

	if (function < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return true;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner != GetUserId() && !superuser_arg(owner);
}

static bool
runs_foreign_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) ||
		check_functions_in_node(node, is_foreign_function, context))
		return true;
	return expression_tree_walker(node, runs_foreign_code, context);
}

/*
 * Folds constants, as the server does before it judges an expression; but for
 * expressions that would run somebody else's functions: those are judged as
 * they stand.
 */
static Node *
fold_constants(Node *expr)
{
	if (runs_foreign_code(expr, NULL))
		return expr;
	return eval_const_expressions(NULL, expr);
}

/*
 * Parser hook: resolves a column by its name in the relation.
 */
static Node *
resolve_column(ParseState *pstate, ColumnRef *reference)
{
	SmigRelation *relation = pstate->p_ref_hook_state;
	Node	   *field = llast(reference->fields);
	SmigColumn *column;

	if (!IsA(field, String))
		return NULL;
	column = smig_view_column(relation, strVal(field));
	if (column == NULL || !OidIsValid(column->type))
		return NULL;
	return (Node *) makeVar(1, column->attnum, column->type, column->typmod,
							column->collation, 0);
}

static ParseState *
make_pstate(SmigRelation *relation)
{
	ParseState *pstate = make_parsestate(NULL);

	pstate->p_pre_columnref_hook = resolve_column;
	pstate->p_ref_hook_state = relation;
	return pstate;
}

typedef struct TypeRequest
{
	TypeName   *name;
	Oid			type;
	int32		typmod;
} TypeRequest;

static void
find_type(void *arg)
{
	TypeRequest *request = arg;
	Type		tuple = LookupTypeName(NULL, request->name, &request->typmod,
									   true);

	if (tuple)
	{
		request->type = typeTypeId(tuple);
		ReleaseSysCache(tuple);
	}
}

static bool
is_serial(TypeName *name, Oid *type)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			serials[] =
	{
		{"smallserial", INT2OID}, {"serial2", INT2OID},
		{"serial", INT4OID}, {"serial4", INT4OID},
		{"bigserial", INT8OID}, {"serial8", INT8OID}
	};

	if (list_length(name->names) != 1 || name->pct_type ||
		name->arrayBounds != NIL)
		return false;
	for (int i = 0; i < lengthof(serials); i++)
	{
		if (strcmp(strVal(linitial(name->names)), serials[i].name) == 0)
		{
			*type = serials[i].type;
			return true;
		}
	}
	return false;
}

/*
 * Most types are a word without modifiers, which is found without any error
 * to catch.  Returns false for the others.
 */
static bool
find_plain_type(SmigPending *pending, TypeName *name, Oid *type)
{
	if (name->names == NIL || name->pct_type || name->typmods != NIL ||
		name->arrayBounds != NIL || name->setof || pending->search_path_set)
		return false;
	if (list_length(name->names) == 1)
	{
		*type = TypenameGetTypid(strVal(linitial(name->names)));
		return true;
	}
	if (list_length(name->names) == 2 &&
		strcmp(strVal(linitial(name->names)), "pg_catalog") == 0)
	{
		*type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum(strVal(lsecond(name->names))),
								ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
		return true;
	}
	return false;
}

/*
 * Looks a type name up; serial types give their integer.  Returns false, with
 * *type InvalidOid, when there is no such type (yet).
 */
bool
smig_expr_type(SmigPending *pending, TypeName *name, Oid *type, int32 *typmod)
{
	TypeRequest request = {name, InvalidOid, -1};

	*type = InvalidOid;
	*typmod = -1;
	if (name == NULL)
		return false;
	if (is_serial(name, type))
		return true;
	if (smig_pending_type(pending, name) &&
		smig_pending_type(pending, name)->kind != '\0')
		return false;
	if (!find_plain_type(pending, name, &request.type) &&
		!smig_expr_try(pending, find_type, &request))
		return false;
	*type = request.type;
	*typmod = request.typmod;
	return OidIsValid(request.type);
}

typedef struct CollationRequest
{
	ColumnDef  *column;
	Oid			type;
	Oid			result;
} CollationRequest;

static void
find_collation(void *arg)
{
	CollationRequest *request = arg;

	request->result = GetColumnDefCollation(NULL, request->column,
											request->type);
}

/*
 * Collation a column definition means, or that of the type.
 */
Oid
smig_expr_collation(SmigPending *pending, ColumnDef *column, Oid type)
{
	CollationRequest request = {column, type, InvalidOid};

	if (!OidIsValid(type))
		return InvalidOid;
	if (column->collClause == NULL)
		return get_typcollation(type);
	(void) smig_expr_try(pending, find_collation, &request);
	return request.result;
}

/*
 * Is it a domain with constraints, in the catalog or by this script?
 */
bool
smig_expr_constrained_domain(SmigPending *pending, TypeName *name)
{
	SmigPendingType *made = smig_pending_type(pending, name);
	Oid			type;
	int32		typmod;

	if (made && made->constrained && name->arrayBounds == NIL)
		return true;
	if (!smig_expr_type(pending, name, &type, &typmod))
		return false;
	return get_typtype(type) == TYPTYPE_DOMAIN && DomainHasConstraints(type);
}

typedef struct DefaultRequest
{
	SmigRelation *relation;
	Node	   *raw;
	const char *name;
	Oid			type;
	int32		typmod;
	SmigDefaultKind kind;
} DefaultRequest;

static void
analyse_default(void *arg)
{
	DefaultRequest *request = arg;
	ParseState *pstate = make_parsestate(NULL);
	Node	   *expr;

	if (OidIsValid(request->type))
		expr = cookDefault(pstate, copyObject(request->raw), request->type,
						   request->typmod, request->name, '\0');
	else
		expr = transformExpr(pstate, copyObject(request->raw),
							 EXPR_KIND_COLUMN_DEFAULT);
	expr = fold_constants(expr);
	if (IsA(expr, Const) && ((Const *) expr)->constisnull)
		request->kind = SMIG_DEFAULT_NONE;
	else
		request->kind = contain_volatile_functions(expr) ?
			SMIG_DEFAULT_VOLATILE : SMIG_DEFAULT_STABLE;
}

/*
 * What a DEFAULT expression means for ADD COLUMN.  "raw" may be NULL: then
 * the default of the type counts, if it is a domain with one.
 */
SmigDefaultKind
smig_expr_default(SmigPending *pending, SmigRelation *relation,
				  ColumnDef *column, Node *raw)
{
	DefaultRequest request = {relation, raw, column->colname};

	smig_expr_type(pending, column->typeName, &request.type, &request.typmod);
	if (raw == NULL)
	{
		Node	   *typdefault;

		if (!OidIsValid(request.type))
			return SMIG_DEFAULT_NONE;
		typdefault = get_typdefault(request.type);
		if (typdefault == NULL)
			return SMIG_DEFAULT_NONE;
		return contain_volatile_functions(typdefault) ?
			SMIG_DEFAULT_VOLATILE : SMIG_DEFAULT_STABLE;
	}
	if (smig_expr_try(pending, analyse_default, &request))
		return request.kind;

	/* a type or function that is not there: go by the names called */
	request.type = InvalidOid;
	if (smig_expr_try(pending, analyse_default, &request))
		return request.kind;
	return smig_expr_calls_volatile(pending, raw) ? SMIG_DEFAULT_VOLATILE :
		SMIG_DEFAULT_STABLE;
}

typedef struct TypeChange
{
	SmigRelation *relation;
	SmigColumn *column;
	Oid			type;
	int32		typmod;
	Node	   *using_raw;
	bool		rewrites;
} TypeChange;

/*
 * Does computing the new value do more than take the old bytes over?  Mirrors
 * the server's own rule for ALTER COLUMN TYPE.
 */
static bool
requires_rewrite(Node *expr, AttrNumber attnum)
{
	for (;;)
	{
		if (IsA(expr, Var) && ((Var *) expr)->varattno == attnum)
			return false;
		else if (IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		else if (IsA(expr, CoerceToDomain))
		{
			if (DomainHasConstraints(((CoerceToDomain *) expr)->resulttype))
				return true;
			expr = (Node *) ((CoerceToDomain *) expr)->arg;
		}
		else if (IsA(expr, FuncExpr))
		{
			FuncExpr   *call = (FuncExpr *) expr;

			if ((call->funcid != F_TIMESTAMPTZ_TIMESTAMP &&
				 call->funcid != F_TIMESTAMP_TIMESTAMPTZ) ||
				TimestampTimestampTzRequiresRewrite())
				return true;
			expr = linitial(call->args);
		}
		else
			return true;
	}
}

static void
analyse_type_change(void *arg)
{
	TypeChange *change = arg;
	ParseState *pstate = make_pstate(change->relation);
	Node	   *expr;

	if (change->using_raw)
		expr = transformExpr(pstate, copyObject(change->using_raw),
							 EXPR_KIND_ALTER_COL_TRANSFORM);
	else
		expr = (Node *) makeVar(1, change->column->attnum,
								change->column->type, change->column->typmod,
								change->column->collation, 0);
	expr = coerce_to_target_type(pstate, expr, exprType(expr), change->type,
								 change->typmod, COERCION_ASSIGNMENT,
								 COERCE_IMPLICIT_CAST, -1);
	if (expr == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot be cast automatically to type %s",
						change->column->name,
						format_type_be(change->type))));
	assign_expr_collations(pstate, expr);
	expr = fold_constants(expr);
	change->rewrites = requires_rewrite(expr, change->column->attnum);
}

/*
 * Does ALTER COLUMN TYPE write the table anew?  What cannot be analysed counts
 * as a rewrite.
 */
bool
smig_expr_type_rewrites(SmigPending *pending, SmigRelation *relation,
						SmigColumn *column, TypeName *type, Node *using_raw)
{
	TypeChange	change = {relation, column};

	if (column == NULL || !OidIsValid(column->type))
		return true;
	if (!smig_expr_type(pending, type, &change.type, &change.typmod))
		return true;
	change.using_raw = using_raw;
	if (!smig_expr_try(pending, analyse_type_change, &change))
		return true;
	return change.rewrites;
}

typedef struct CheckRequest
{
	SmigRelation *relation;
	Node	   *raw;
	Node	   *expr;
} CheckRequest;

static void
analyse_check(void *arg)
{
	CheckRequest *request = arg;
	ParseState *pstate = make_pstate(request->relation);
	Node	   *expr = transformExpr(pstate, copyObject(request->raw),
									 EXPR_KIND_CHECK_CONSTRAINT);

	expr = coerce_to_boolean(pstate, expr, "CHECK");
	assign_expr_collations(pstate, expr);
	request->expr = expr;
}

/*
 * A CHECK condition as an analysed expression over varno 1, or NULL when it
 * cannot be analysed.
 */
Node *
smig_expr_check(SmigPending *pending, SmigRelation *relation, Node *raw)
{
	CheckRequest request = {relation, raw, NULL};

	if (!smig_expr_try(pending, analyse_check, &request))
		return NULL;
	return request.expr;
}

/*
 * What valid constraints of a relation prove about each of its rows, as a
 * list of conditions in the form predicate_implied_by wants.
 */
static List *
proved_conditions(SmigRelation *relation)
{
	List	   *conditions = NIL;
	ListCell   *lc;

	foreach(lc, relation->columns)
	{
		SmigColumn *column = lfirst(lc);
		NullTest   *test;

		if (!column->notnull || !OidIsValid(column->type))
			continue;
		test = makeNode(NullTest);
		test->arg = (Expr *) makeVar(1, column->attnum, column->type,
									 column->typmod, column->collation, 0);
		test->nulltesttype = IS_NOT_NULL;
		test->argisrow = false;
		test->location = -1;
		conditions = lappend(conditions, test);
	}
	foreach(lc, relation->constraints)
	{
		SmigConstraint *constraint = lfirst(lc);
		Node	   *expr;

		if (constraint->type != 'c' || !constraint->valid ||
			constraint->check == NULL)
			continue;
		expr = fold_constants(copyObject(constraint->check));
		expr = (Node *) canonicalize_qual((Expr *) expr, true);
		conditions = list_concat(conditions,
								 make_ands_implicit((Expr *) expr));
	}
	return conditions;
}

typedef struct ProofRequest
{
	SmigPending *pending;
	SmigRelation *relation;
	SmigRelation *parent;
	const char *column;
	PartitionBoundSpec *bound;
	bool		for_default;
	bool		proved;
	char	   *condition;		/* as SQL */
} ProofRequest;

static void
prove_not_null(void *arg)
{
	ProofRequest *request = arg;
	SmigColumn *column = smig_view_column(request->relation, request->column);
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) makeVar(1, column->attnum, column->type,
								 column->typmod, column->collation, 0);
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	request->proved = predicate_implied_by(list_make1(test),
										   proved_conditions(request->relation),
										   true);
}

/*
 * Do valid constraints prove that a column holds no NULL, so that SET NOT NULL
 * need not look?
 */
bool
smig_expr_proves_not_null(SmigPending *pending, SmigRelation *relation,
						  const char *column)
{
	ProofRequest request = {pending, relation, NULL, column};
	SmigColumn *found = smig_view_column(relation, column);

	if (found == NULL)
		return false;
	if (found->notnull)
		return true;
	if (!OidIsValid(found->type))
		return false;
	if (!smig_expr_try(pending, prove_not_null, &request))
		return false;
	return request.proved;
}

/*
 * Renumbers the columns of a partitioned table to those of the partition, by
 * name.
 */
typedef struct Renumbering
{
	SmigRelation *from;
	SmigRelation *to;
} Renumbering;

static Node *
renumber(Node *node, void *context)
{
	Renumbering *numbering = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) copyObject(node);
		ListCell   *lc;

		foreach(lc, numbering->from->columns)
		{
			SmigColumn *column = lfirst(lc);
			SmigColumn *target;

			if (column->attnum != var->varattno)
				continue;
			target = smig_view_column(numbering->to, column->name);
			if (target)
			{
				var->varattno = target->attnum;
				var->varattnosyn = target->attnum;
			}
			break;
		}
		return (Node *) var;
	}
	return expression_tree_mutator(node, renumber, context);
}

static void
prove_partition(void *arg)
{
	ProofRequest *request = arg;
	Renumbering numbering = {request->parent, request->relation};
	ParseState *pstate = make_parsestate(NULL);
	PartitionBoundSpec *bound;
	Relation	parent;
	List	   *condition;

	/* never wait for it: not knowing is good enough */
	if (!ConditionalLockRelationOid(request->parent->oid, AccessShareLock))
		return;
	parent = table_open(request->parent->oid, NoLock);
	bound = transformPartitionBound(pstate, parent,
									copyObject(request->bound));
	condition = get_qual_from_partbound(parent, bound);
	if (request->for_default)
		condition = get_proposed_default_constraint(condition);
	else
	{
		Expr	   *whole;

		condition = list_concat_copy(condition,
									 RelationGetPartitionQual(parent));
		whole = (Expr *) fold_constants((Node *) make_ands_explicit(condition));
		condition = make_ands_implicit(canonicalize_qual(whole, false));
	}
	condition = (List *) renumber((Node *) condition, &numbering);
	table_close(parent, NoLock);
	if (OidIsValid(request->relation->oid) &&
		strcmp(quote_qualified_identifier(request->relation->schema,
										  request->relation->name),
			   request->relation->label) == 0)
		request->condition =
			deparse_expression((Node *) make_ands_explicit(condition),
							   deparse_context_for(request->relation->name,
												   request->relation->oid),
							   false, false);
	request->proved = predicate_implied_by(condition,
										   proved_conditions(request->relation),
										   true);
}

/*
 * Do valid constraints of "child" prove that its rows are inside the bound
 * (for_default: outside, for the default partition), so that attaching need
 * not look?  False when the partitioned table is made by this script or
 * locked by somebody.
 */
bool
smig_expr_partition_proved(SmigPending *pending, SmigRelation *parent,
						   SmigRelation *child, PartitionBoundSpec *bound,
						   bool for_default)
{
	ProofRequest request = {pending, child, parent, NULL, bound, for_default};

	if (parent->created || parent->unknown || child->unknown)
		return false;
	if (!smig_expr_try(pending, prove_partition, &request))
		return false;
	return request.proved;
}

/*
 * The condition that smig_expr_partition_proved wants proved, as SQL for a
 * CHECK of the child; NULL when it is not known.
 */
char *
smig_expr_partition_condition(SmigPending *pending, SmigRelation *parent,
							  SmigRelation *child, PartitionBoundSpec *bound,
							  bool for_default)
{
	ProofRequest request = {pending, child, parent, NULL, bound, for_default};

	if (parent->created || parent->unknown || child->unknown ||
		!smig_expr_try(pending, prove_partition, &request))
		return NULL;
	return request.condition;
}
