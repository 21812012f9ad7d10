import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A name of a stored value that knows the value's type. */
export interface Key<Value> {
  readonly name: string;
  readonly value?: Value;
}

/** What is stored, inside one transaction. */
export interface State {
  get<Value>(key: Key<Value>): Value | undefined;
  put<Value>(key: Key<Value>, value: Value): void;
  remove(key: Key<unknown>): void;
  list<Value>(prefix: Key<Value>): readonly Value[];
}

/**
 * What the simulated host remembers: JSON in one SQLite file. `transact` is the host's one lock, over all processes that use the folder, and the
 * system takes it back from a process that is killed; what was not committed then never happened. The work is synchronous on purpose: nothing can come between.
 */
export interface Store extends Disposable {
  readonly dir: string;
  transact<Result>(work: (state: State) => Result): Result;
}

export function openStore(dir: string): Store {
  mkdirSync(dir, { recursive: true });
  const database = new DatabaseSync(join(dir, "host.db"), { timeout: 20_000 });
  // Killed processes lose nothing; only a crash of this whole computer could, and a simulation may lose that.
  database.exec("pragma journal_mode = wal; pragma synchronous = off");
  database.exec("create table if not exists state (name text primary key, value text not null) strict");
  const one = database.prepare("select value from state where name = ?");
  const many = database.prepare("select value from state where substr(name, 1, length(?1)) = ?1 order by name");
  const put = database.prepare("insert or replace into state values (?, ?)");
  const remove = database.prepare("delete from state where name = ?");
  const state: State = {
    get: <Value>(key: Key<Value>) => parsed<Value>(one.get(key.name)),
    put: (key, value) => void put.run(key.name, JSON.stringify(value)),
    remove: (key) => void remove.run(key.name),
    list: <Value>(prefix: Key<Value>) => many.all(prefix.name).flatMap((row) => parsed<Value>(row) ?? []),
  };
  return {
    dir,
    transact(work) {
      database.exec("begin immediate");
      try {
        const result = work(state);
        database.exec("commit");
        return result;
      } catch (error) {
        database.exec("rollback");
        throw error;
      }
    },
    [Symbol.dispose]: () => database.close(),
  };
}

function parsed<Value>(row: Record<string, unknown> | undefined): Value | undefined {
  const text = row?.["value"];
  return typeof text === "string" ? (JSON.parse(text) as Value) : undefined;
}
