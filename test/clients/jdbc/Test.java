/*
 * PostgreSQL's JDBC driver: its own implementation of the protocol, over TCP,
 * extended queries, plans that the server keeps after some executions.
 */

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Test {
	static final List<String> HISTORY =
		List.of("one_items", "two_index", "three_state", "four_vacuum");
	static final String GREETING = "greetings from the script: größer";

	static Connection observer;

	static void ok(boolean holds, String behaviour, Object explain) {
		System.out.println((holds ? "ok - " : "not ok - ") + behaviour);
		if (!holds)
			System.out.println("# " + String.valueOf(explain).replace("\n", "\n# "));
	}

	static void same(Object seen, Object wanted, String behaviour) {
		ok(Objects.equals(seen, wanted), behaviour,
			"     got: " + seen + "\nexpected: " + wanted);
	}

	static Connection connect() throws SQLException {
		Properties properties = new Properties();

		properties.setProperty("user", System.getenv("PGUSER"));
		properties.setProperty("password",
			Objects.requireNonNullElse(System.getenv("PGPASSWORD"), ""));
		properties.setProperty("ApplicationName", "jdbc");
		return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:"
			+ System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"),
			properties);
	}

	static Object value(String query, Object... args) throws SQLException {
		try (PreparedStatement statement = observer.prepareStatement(query)) {
			for (int i = 0; i < args.length; i++)
				statement.setObject(i + 1, args[i]);
			try (ResultSet result = statement.executeQuery()) {
				result.next();
				return result.getObject(1);
			}
		}
	}

	static String offer(String what) throws SQLException {
		return (String) value("SELECT fixture.offer(?)", what);
	}

	static void withdraw(String revision) throws SQLException {
		value("SELECT schemamig_remove(?)", revision);
	}

	static List<String> revisions(ResultSet result) throws SQLException {
		List<String> revisions = new ArrayList<>();

		while (result.next())
			revisions.add(result.getString("revision"));
		return revisions;
	}

	static List<ServerErrorMessage> warnings(Statement statement)
		throws SQLException {
		List<ServerErrorMessage> messages = new ArrayList<>();

		for (SQLWarning w = statement.getWarnings(); w != null; w = w.getNextWarning())
			messages.add(((org.postgresql.util.PSQLWarning) w).getServerErrorMessage());
		return messages;
	}

	static boolean waitUntilAsleep() throws Exception {
		for (int i = 0; i < 200; i++) {
			if ((Boolean) value("SELECT fixture.asleep()"))
				return true;
			Thread.sleep(50);
		}
		return false;
	}

	static void applies(Connection conn) throws SQLException {
		try (Statement statement = conn.createStatement();
			ResultSet result = statement.executeQuery(
				"SELECT * FROM schemamig_apply('head')")) {
			same(revisions(result), HISTORY, "a row for each revision");
			boolean found = false;
			for (ServerErrorMessage message : warnings(statement))
				found |= GREETING.equals(message.getMessage())
					&& "the hint comes along".equals(message.getHint())
					&& "01S01".equals(message.getSQLState());
			ok(found, "the script's NOTICE arrives, with SQLSTATE and hint",
				warnings(statement));
		}
		same(value("SELECT indisvalid FROM pg_index"
			+ " WHERE indexrelid = 'item_name_idx'::regclass"),
			true, "the index built concurrently is valid");
	}

	static void appliesInTransactions(Connection conn) throws SQLException {
		conn.setAutoCommit(false);
		String revision = offer("index");
		try (Statement statement = conn.createStatement();
			ResultSet result = statement.executeQuery(
				"SELECT * FROM schemamig_apply('head')")) {
			same(revisions(result), List.of(revision),
				"it works in the driver's own transaction");
		}
		conn.commit();

		/* rows fetched one by one through a portal */
		revision = offer("index");
		try (Statement statement = conn.createStatement()) {
			statement.setFetchSize(1);
			try (ResultSet result = statement.executeQuery(
					"SELECT * FROM schemamig_apply('head')")) {
				same(revisions(result), List.of(revision),
					"it works with a fetch size");
			}
		}
		conn.commit();
		conn.setAutoCommit(true);

		/* the fifth execution is the first of a plan kept by the server */
		List<String> wanted = new ArrayList<>();
		List<String> seen = new ArrayList<>();
		try (PreparedStatement statement = conn.prepareStatement(
				"SELECT * FROM schemamig_apply(?)")) {
			for (int i = 0; i < 7; i++) {
				wanted.add(offer("index"));
				statement.setString(1, "head");
				try (ResultSet result = statement.executeQuery()) {
					seen.addAll(revisions(result));
				}
			}
		}
		same(seen, wanted, "it works prepared, seven times over");
	}

	static void fails(Connection conn) throws SQLException {
		String revision = offer("fails");

		try (Statement statement = conn.createStatement()) {
			statement.executeQuery("SELECT schemamig_apply('head')");
			ok(false, "an error of the script is an error of the call", "none");
		} catch (PSQLException e) {
			ServerErrorMessage m = e.getServerErrorMessage();
			same(e.getSQLState(), "42703", "an error of the script has its SQLSTATE");
			String query = m.getInternalQuery();
			same(query == null ? null
				: query.substring(m.getInternalPosition() - 1).split("\\s")[0],
				"no_such_column",
				"with the position in the script, after characters that are no ASCII");
			String told = m.getMessage() + "\n" + m.getDetail() + "\n"
				+ m.getHint() + "\n" + m.getWhere();
			ok(told.contains(revision) && told.contains("line 4"),
				"with revision and line", told);
		}
		same(value("SELECT fixture.left_behind()"), "nothing",
			"the failed revision leaves nothing behind");
		withdraw(revision);
	}

	static void isCancelled(Connection conn) throws Exception {
		String revision = offer("sleeps");

		try (Statement statement = conn.createStatement()) {
			CompletableFuture<String> call = CompletableFuture.supplyAsync(() -> {
				try {
					statement.executeQuery("SELECT schemamig_apply('head')");
					return "no error";
				} catch (SQLException e) {
					return e.getSQLState();
				}
			});
			ok(waitUntilAsleep(), "the run is under way", "");
			same(value("SELECT fixture.waits_without_snapshot()"), true,
				"the caller waits without a snapshot");
			long start = System.nanoTime();
			statement.cancel();
			same(call.get(10, TimeUnit.SECONDS), "57014", "cancel() ends the call");
			ok(System.nanoTime() - start < 2_000_000_000L, "within two seconds",
				System.nanoTime() - start);
		}
		same(value("SELECT fixture.left_behind()"), "nothing",
			"the cancelled run leaves nothing behind");
		try (Statement statement = conn.createStatement()) {
			statement.setQueryTimeout(1);
			statement.executeQuery("SELECT schemamig_apply('head')");
			ok(false, "the driver's query timeout ends the call", "no error");
		} catch (SQLException e) {
			same(e.getSQLState(), "57014", "the driver's query timeout ends the call");
		}
		same(value("SELECT fixture.left_behind()"), "nothing", "and leaves nothing behind");
		withdraw(revision);
	}

	static void hasNothingToDo(Connection conn) throws SQLException {
		try (Statement statement = conn.createStatement();
			ResultSet result = statement.executeQuery(
				"SELECT * FROM schemamig_apply('head')")) {
			same(revisions(result), List.of(), "nothing to do gives no row");
			same(warnings(statement).size(), 1, "and one NOTICE");
		}
	}

	public static void main(String[] args) throws Exception {
		System.setOut(new java.io.PrintStream(System.out, true, "UTF-8"));
		observer = connect();
		try (Connection conn = connect()) {
			applies(conn);
			appliesInTransactions(conn);
			fails(conn);
			isCancelled(conn);
			hasNothingToDo(conn);
		}
		observer.close();
		System.out.println("finished");
		System.exit(0);
	}
}
