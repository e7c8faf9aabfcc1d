CREATE LANGUAGE "Pl ""x" HANDLER plpgsql_call_handler;CREATE TRUSTED LANGUAGE "select" HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler;
