// Node.js with the package pg: its own implementation of the protocol.

'use strict';

const { Client, Pool } = require('pg');

const HISTORY = ['one_items', 'two_index', 'three_state', 'four_vacuum'];
const GREETING = 'greetings from the script: größer';

function ok(holds, behaviour, explain) {
	console.log(`${holds ? 'ok' : 'not ok'} - ${behaviour}`);
	if (!holds && explain !== undefined)
		console.log(String(explain).replace(/^/gm, '# '));
}

function same(seen, wanted, behaviour) {
	const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)];
	ok(a === b, behaviour, `     got: ${a}\nexpected: ${b}`);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
	const client = new Client();
	const observer = new Client();
	const notices = [];

	client.on('notice', (notice) => notices.push(notice));
	await client.connect();
	await observer.connect();

	const value = async (query, ...args) =>
		Object.values((await observer.query(query, args)).rows[0])[0];
	const offer = (what) => value('SELECT fixture.offer($1)', what);
	const withdraw = (id) => value('SELECT schemamig_remove($1)', id);

	let result = await client.query("SELECT * FROM schemamig_apply('head')");
	same(result.rows.map((row) => row.revision), HISTORY,
		'a row for each revision');
	same(result.fields.map((field) => field.name),
		['seq', 'revision', 'direction', 'message', 'steps', 'duration'],
		'with the documented columns');
	const greeting = notices.find((notice) => notice.message === GREETING);
	ok(greeting !== undefined, "the script's NOTICE arrives",
		notices.map((notice) => notice.message).join('\n'));
	same(greeting && [greeting.code, greeting.hint],
		['01S01', 'the hint comes along'], 'with its SQLSTATE and hint');
	same(await value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_name_idx'::regclass"),
		true, 'the index built concurrently is valid');

	let revision = await offer('index');
	await client.query('BEGIN');
	result = await client.query("SELECT schemamig_apply('head')");
	await client.query('COMMIT');
	same(result.rowCount, 1, 'it works inside BEGIN and COMMIT');

	revision = await offer('index');
	result = await client.query(
		'SELECT revision FROM schemamig_apply($1)', ['head']);
	same(result.rows, [{ revision }], 'with a bound target');

	for (const number of [1, 2]) {
		revision = await offer('index');
		result = await client.query({
			name: 'apply',
			text: 'SELECT revision FROM schemamig_apply($1)',
			values: ['head'],
		});
		same(result.rows, [{ revision }], `prepared by name, execution ${number}`);
	}

	const pool = new Pool({ max: 4 });
	revision = await offer('index');
	const counts = await Promise.all([1, 2, 3, 4].map(async () =>
		(await pool.query("SELECT * FROM schemamig_apply('head')")).rowCount));
	same(counts.sort(), [0, 0, 0, 1],
		'of four sessions of a pool one does the work, three find it done');
	await pool.end();

	revision = await offer('fails');
	try {
		await client.query("SELECT schemamig_apply('head')");
		ok(false, 'an error of the script is an error of the call');
	} catch (error) {
		same(error.code, '42703', 'an error of the script has its SQLSTATE');
		same((error.internalQuery || '')
			.slice(Number(error.internalPosition) - 1).split(/\s/)[0],
			'no_such_column',
			'with the position in the script, after characters that are no ASCII');
		const told = [error.message, error.detail, error.hint, error.where]
			.join('\n');
		ok(told.includes(revision) && told.includes('line 4'),
			'with revision and line', told);
	}
	same(await value('SELECT fixture.left_behind()'), 'nothing',
		'the failed revision leaves nothing behind');
	await withdraw(revision);

	revision = await offer('sleeps');
	const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
	const call = client.query("SELECT schemamig_apply('head')")
		.then(() => 'no error', (error) => error.code);
	let asleep = false;
	for (let i = 0; i < 200 && !asleep; i++) {
		asleep = await value('SELECT fixture.asleep()');
		await sleep(50);
	}
	ok(asleep, 'the run is under way');
	same(await value('SELECT fixture.waits_without_snapshot()'), true,
		'the caller waits without a snapshot');
	const start = Date.now();
	await value('SELECT pg_cancel_backend($1)', pid);
	same(await call, '57014', 'pg_cancel_backend ends the call');
	ok(Date.now() - start < 2000, 'within two seconds', Date.now() - start);
	same(await value('SELECT fixture.left_behind()'), 'nothing',
		'the cancelled run leaves nothing behind');

	// A process that dies closes its socket without a word.
	const lost = new Client();
	lost.on('error', () => {});
	await lost.connect();
	lost.query("SELECT schemamig_apply('head')").catch(() => {});
	asleep = false;
	for (let i = 0; i < 200 && !asleep; i++) {
		asleep = await value('SELECT fixture.asleep()');
		await sleep(50);
	}
	ok(asleep, 'another run is under way');
	lost.connection.stream.destroy();
	await sleep(1000);
	same(await value('SELECT fixture.left_behind()'), 'nothing',
		'a client that is gone takes its run along');
	await withdraw(revision);

	notices.length = 0;
	result = await client.query("SELECT * FROM schemamig_apply('head')");
	same(result.rowCount, 0, 'nothing to do gives no row');
	same(notices.length, 1, 'and one NOTICE');

	await client.end();
	await observer.end();
	console.log('finished');
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
