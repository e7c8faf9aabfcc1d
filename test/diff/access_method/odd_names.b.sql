CREATE ACCESS METHOD "I ""i" TYPE INDEX HANDLER hashhandler;CREATE ACCESS METHOD "select" TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE "T" (a int) USING "select";
