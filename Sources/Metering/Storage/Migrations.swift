/// The steps that made the tables what they are. A step that was ever released is never changed: a file of any age is
/// brought up to date by the steps that it has not seen, each in a transaction with the new number of the schema.
enum Migrations {
  /// Marks the file as ours, in its header: "Fart" in ASCII.
  static let applicationIdentity: Int64 = 0x46_61_72_74

  static var newest: Int64 { Int64(steps.count) }

  static let steps = [events, budgets, machines, tagRules, shares, texts, prices]

  /// 1: events, their chains, what they say about persons, and the requests made of them.
  ///
  /// `events`, `writers` (their names and what retention has cut from them) and `personal` are the record; everything
  /// else is a projection that `rebuild` makes again from the events.
  private static let events = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
    CREATE TABLE writers (
      id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, length INTEGER NOT NULL, head BLOB NOT NULL,
      named INTEGER NOT NULL DEFAULT 0, cut INTEGER NOT NULL DEFAULT 0, cut_head BLOB);
    CREATE INDEX writers_tips ON writers (id) WHERE named < length;
    CREATE TABLE events (
      id INTEGER PRIMARY KEY, writer INTEGER NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL,
      at INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL, UNIQUE (writer, position));
    CREATE TABLE personal (hash BLOB PRIMARY KEY, salt BLOB NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL)
      WITHOUT ROWID;
    CREATE UNIQUE INDEX personal_value ON personal (field, value);
    CREATE TABLE models (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, quantization TEXT NOT NULL, sha256 TEXT NOT NULL,
      UNIQUE (name, quantization, sha256));
    CREATE TABLE requests (
      id INTEGER PRIMARY KEY, request BLOB NOT NULL UNIQUE, writer INTEGER NOT NULL, state INTEGER NOT NULL,
      exact INTEGER NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER, model INTEGER NOT NULL, user BLOB,
      prompt INTEGER NOT NULL, cached INTEGER NOT NULL, completion INTEGER NOT NULL, finish TEXT, stopped_by TEXT,
      cpu_nanos INTEGER NOT NULL, first_nanos INTEGER, prefill_nanos INTEGER, decode_nanos INTEGER,
      total_nanos INTEGER, kv_bytes INTEGER, prompt_bytes INTEGER, answer_bytes INTEGER,
      currency TEXT NOT NULL, marginal INTEGER, charge INTEGER);
    CREATE INDEX requests_open ON requests (writer) WHERE state = 0;
    CREATE INDEX requests_opened_at ON requests (opened_at);
    CREATE TABLE tags (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (key, value));
    CREATE TABLE request_tags (request INTEGER NOT NULL, tag INTEGER NOT NULL, PRIMARY KEY (request, tag)) WITHOUT ROWID;
    CREATE TABLE totals (
      day INTEGER NOT NULL, model INTEGER NOT NULL, currency TEXT NOT NULL, cut INTEGER NOT NULL,
      requests INTEGER NOT NULL,
      prompt INTEGER NOT NULL, cached INTEGER NOT NULL, completion INTEGER NOT NULL, cpu_nanos INTEGER NOT NULL,
      unpriced INTEGER NOT NULL, marginal INTEGER NOT NULL,
      PRIMARY KEY (day, model, currency, cut)) WITHOUT ROWID;
    CREATE TABLE closed_months (month INTEGER PRIMARY KEY, at INTEGER NOT NULL, event INTEGER NOT NULL);
    """

  /// 2: posted tariffs, caps, what is spent of them and held by requests under way.
  private static let budgets = """
    CREATE TABLE tariffs (
      id INTEGER PRIMARY KEY, model TEXT NOT NULL, currency TEXT NOT NULL, uncached INTEGER NOT NULL,
      cached INTEGER NOT NULL, completion INTEGER NOT NULL, since INTEGER NOT NULL);
    CREATE INDEX tariffs_model ON tariffs (model, since);
    CREATE TABLE caps (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, key TEXT, value BLOB,
      period TEXT NOT NULL, zone TEXT NOT NULL, currency TEXT NOT NULL, amount INTEGER NOT NULL);
    CREATE TABLE spending (
      cap INTEGER NOT NULL, period INTEGER NOT NULL, spent INTEGER NOT NULL, held INTEGER NOT NULL,
      PRIMARY KEY (cap, period)) WITHOUT ROWID;
    CREATE TABLE holds (
      request INTEGER NOT NULL, cap INTEGER NOT NULL, first INTEGER NOT NULL, tokens INTEGER NOT NULL,
      period INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (request, cap, first)) WITHOUT ROWID;
    CREATE TABLE request_tariffs (
      request INTEGER PRIMARY KEY, currency TEXT NOT NULL, uncached INTEGER NOT NULL, cached INTEGER NOT NULL,
      completion INTEGER NOT NULL);
    CREATE TABLE alerts (
      cap INTEGER NOT NULL, period INTEGER NOT NULL, percent INTEGER NOT NULL, at INTEGER NOT NULL,
      PRIMARY KEY (cap, period, percent)) WITHOUT ROWID;
    """

  /// 3: machines, where their time went, and what was billed for them.
  private static let machines = """
    CREATE TABLE machines (
      id INTEGER PRIMARY KEY, machine TEXT NOT NULL UNIQUE, type TEXT NOT NULL, currency TEXT NOT NULL,
      provisioned_at INTEGER NOT NULL, retired_at INTEGER, vcpus INTEGER NOT NULL, picos INTEGER NOT NULL,
      per INTEGER NOT NULL, commitment TEXT NOT NULL);
    CREATE TABLE intervals (
      id INTEGER PRIMARY KEY, machine TEXT NOT NULL, boot TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
      vcpus INTEGER NOT NULL, requests INTEGER NOT NULL, overhead INTEGER NOT NULL, other INTEGER NOT NULL,
      wasted INTEGER NOT NULL, idle INTEGER NOT NULL, stolen INTEGER NOT NULL);
    CREATE INDEX intervals_time ON intervals (machine, start);
    CREATE TABLE invoices (
      id INTEGER PRIMARY KEY, invoice TEXT NOT NULL, line TEXT NOT NULL, machine TEXT, currency TEXT NOT NULL,
      start INTEGER NOT NULL, stop INTEGER NOT NULL, amount INTEGER NOT NULL, UNIQUE (invoice, line));
    CREATE TABLE adjustments (
      id INTEGER PRIMARY KEY, month INTEGER NOT NULL, currency TEXT NOT NULL, amount INTEGER NOT NULL,
      reason TEXT NOT NULL);
    """

  /// 4: what tags requests must have.
  private static let tagRules = """
    CREATE TABLE tag_rules (key TEXT PRIMARY KEY, required INTEGER NOT NULL, allowed BLOB) WITHOUT ROWID;
    """

  /// 5: what processes used beside their requests, and what requests used in each stretch of a machine's time.
  private static let shares = """
    ALTER TABLE requests ADD COLUMN prompt_cpu_nanos INTEGER;
    ALTER TABLE requests ADD COLUMN command TEXT;
    CREATE TABLE processes (
      id INTEGER PRIMARY KEY, process INTEGER NOT NULL, at INTEGER NOT NULL, cpu_nanos INTEGER NOT NULL,
      request_nanos INTEGER NOT NULL, exact INTEGER NOT NULL);
    CREATE INDEX processes_process ON processes (process);
    CREATE TABLE shares (
      interval INTEGER NOT NULL, request INTEGER NOT NULL, cpu_nanos INTEGER NOT NULL, PRIMARY KEY (interval, request))
      WITHOUT ROWID;
    """

  /// 6: sealed texts of requests; like `personal` a record that can be deleted, and no projection.
  private static let texts = """
    CREATE TABLE texts (
      id INTEGER PRIMARY KEY, request BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, key BLOB NOT NULL,
      sealed BLOB NOT NULL);
    """

  /// 7: which versions of prices are recorded, and in which event.
  private static let prices = """
    CREATE TABLE price_versions (version BLOB PRIMARY KEY, event INTEGER NOT NULL) WITHOUT ROWID;
    """

  /// Tables that `rebuild` empties and fills again.
  static let projections = [
    "models", "requests", "tags", "request_tags", "totals", "closed_months", "tariffs", "caps", "spending", "holds",
    "request_tariffs", "alerts", "machines", "intervals", "invoices", "adjustments",
    "tag_rules", "processes", "shares", "price_versions",
  ]
}
