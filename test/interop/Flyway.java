// Runs Flyway, for there is no program of it without a Java runtime in its
// package: what "flyway migrate" does.
//
// usage: java -cp JARS Flyway.java URL USER DIRECTORY

import java.util.Map;

public class Flyway {
	public static void main(String[] args) {
		var done = org.flywaydb.core.Flyway.configure()
			.dataSource(args[0], args[1], "")
			.locations("filesystem:" + args[2])
			// CREATE INDEX CONCURRENTLY would wait for Flyway's own lock
			.configuration(Map.of("flyway.postgresql.transactional.lock", "false"))
			.placeholders(Map.of("owner", "app"))
			.load()
			.migrate();

		System.out.println(done.migrationsExecuted);
	}
}
