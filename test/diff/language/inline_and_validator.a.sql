CREATE LANGUAGE pla HANDLER plpgsql_call_handler;
