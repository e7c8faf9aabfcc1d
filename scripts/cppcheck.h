/*
 * What cppcheck must know of PostgreSQL's macros; read by scripts/lint only.
 * The server's own headers would cost minutes and bring their own findings.
 */
#define foreach(cell, lst) for (cell = list_head(lst); cell != NULL; cell = lnext(lst, cell))
#define forboth(cell1, list1, cell2, list2) \
	for (cell1 = list_head(list1), cell2 = list_head(list2); \
		 cell1 != NULL && cell2 != NULL; \
		 cell1 = lnext(list1, cell1), cell2 = lnext(list2, cell2))
#define for_each_from(cell, lst, n) for (cell = list_nth_cell(lst, n); cell != NULL; cell = lnext(lst, cell))
#define for_each_cell(cell, lst, start) for (cell = start; cell != NULL; cell = lnext(lst, cell))

#define DEBUG1 14
#define LOG 15
#define INFO 17
#define NOTICE 18
#define WARNING 19
#define ERROR 21
#define FATAL 22
#define ereport(level, ...) do { __VA_ARGS__; if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) do { errmsg_internal(__VA_ARGS__); if ((level) >= ERROR) abort(); } while (0)

#define PG_TRY() if (setjmp(0) == 0)
#define PG_CATCH() else
#define PG_FINALLY() if (setjmp(0) >= 0)
#define PG_END_TRY() ((void) 0)
#define PG_RE_THROW() abort()

#define PG_MODULE_MAGIC extern int no_such_variable
#define PG_FUNCTION_INFO_V1(name) extern Datum name(PG_FUNCTION_ARGS)
#define PG_FUNCTION_ARGS FunctionCallInfo fcinfo
#define PGDLLEXPORT
#define pg_noreturn
#define pg_attribute_noreturn()
#define pg_attribute_printf(f, a)
#define pg_attribute_unused()
#define PG_USED_FOR_ASSERTS_ONLY
#define StaticAssertDecl(condition, message) extern int no_such_variable
#define StaticAssertStmt(condition, message) ((void) 0)
#define Assert(condition) ((void) 0)
#define CHECK_FOR_INTERRUPTS() ((void) 0)
#define FLEXIBLE_ARRAY_MEMBER 1
#define INT64_FORMAT "%ld"
#define UINT64_FORMAT "%lu"
#define Max(x, y) ((x) > (y) ? (x) : (y))
#define Min(x, y) ((x) < (y) ? (x) : (y))
