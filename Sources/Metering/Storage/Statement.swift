/// Every statement that a ledger executes. There is no other way to run one, so this list is whole: the tests that end a
/// process at each statement walk through it.
enum Statement: CaseIterable, Sendable {
  case applicationIdentity, schemaIsEmpty, schemaVersion, journalMode, setJournalMode, rollbackJournal
  case noAutomaticCheckpoint, synchronousFull, synchronousNormal, secureDelete, cutLogOnReset, integrityCheck, counts
  case begin, beginReading, commit, rollback, meta, setMeta
  // Events and chains.
  case insertWriter, writerNamed, tips, advanceWriter, insertEvent, event, eventsInOrder,
    eventsFrom
  case allWriters, eventHash, resetWriters, nameWriter, writersWithOpenRequests
  // Personal fields.
  case personalHash, personalValue, insertPersonal, deletePersonal, personalRows
  // Requests and what is made of them.
  case modelNumber, insertModel, tagNumber, insertTag, insertRequest, insertRequestTag, request
  case openRequests, closeRequest, addTotal, insertTotal, totalsOfDay, reportRows, reportAllRows, workloadRows,
    reportTags
  case models, tagRows, insertClosedMonth, closedMonth, openBetween
  // Retention.
  case cutEvents, cutWriter, requestsToCut, keptEvents, cutTotals
  // Budgets.
  case insertTariff, tariff, tariffs, insertCap, changeCap, cap, caps, deleteCap, spending, allSpending, setSpending
  case insertHold, holds, deleteHold, insertRequestTariff, requestTariff, deleteRequestTariff, insertAlert, alerts
  case measuredRows
  // Machines.
  case setMachine, machine, machines, insertInterval, intervals, insertInvoice, invoiceLine, invoiceLines
  case lastEvent, endingsAfter, insertAdjustment, adjustments
  // Processes, and what requests used of machines.
  case insertProcess, processes, processesOfWriter, processesToCut, requestsOfWriter, insertShare, shares
  // Sealed texts.
  case insertText, text, texts, lastText, textRows, deleteText, deleteTextsOfUser, deleteCutTexts
  // Versions of prices.
  case insertPriceVersion, priceVersion, priceVersions
  // Rules for tags.
  case setTagRule, deleteTagRule, tagRules

  private static let reportColumns = """
    id, opened_at, state, exact, model, user, prompt, cached, completion, cpu_nanos, first_nanos, total_nanos, \
    prefill_nanos, decode_nanos, currency, marginal, charge, prompt_cpu_nanos, \
    prompt_bytes, answer_bytes, request
    """

  var name: String { String(describing: self) }

  var sql: String {
    switch self {
    case .applicationIdentity: "PRAGMA application_id"
    case .schemaIsEmpty: "SELECT count(*) FROM sqlite_schema"
    case .schemaVersion: "PRAGMA user_version"
    case .journalMode: "PRAGMA journal_mode"
    case .setJournalMode: "PRAGMA journal_mode = WAL"
    case .rollbackJournal: "PRAGMA journal_mode = DELETE"
    case .noAutomaticCheckpoint: "PRAGMA wal_autocheckpoint = 0"
    case .synchronousFull: "PRAGMA synchronous = FULL"
    case .synchronousNormal: "PRAGMA synchronous = NORMAL"
    case .secureDelete: "PRAGMA secure_delete = ON"
    case .cutLogOnReset: "PRAGMA journal_size_limit = 0"
    case .integrityCheck: "PRAGMA integrity_check"
    case .begin: "BEGIN IMMEDIATE"
    case .beginReading: "BEGIN"
    case .commit: "COMMIT"
    case .rollback: "ROLLBACK"
    case .meta: "SELECT value FROM meta WHERE key = ?"
    case .counts:
      """
      SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM writers), count(*), \
      coalesce(sum(state = 0), 0), coalesce(sum(state = 2), 0) FROM requests
      """
    case .setMeta: "INSERT OR REPLACE INTO meta VALUES (?, ?)"
    default: eventSQL
    }
  }

  private var eventSQL: String {
    switch self {
    case .insertWriter: "INSERT INTO writers (name, length, head) VALUES (?, 0, ?)"
    case .writerNamed: "SELECT id, length, head, cut, cut_head, named FROM writers WHERE name = ?"
    case .tips: "SELECT id, name, length, head FROM writers WHERE named < length ORDER BY name"
    case .advanceWriter: "UPDATE writers SET length = ?, head = ? WHERE id = ?"
    case .insertEvent: "INSERT INTO events (writer, position, kind, at, body, hash) VALUES (?, ?, ?, ?, ?, ?)"
    case .event: "SELECT id, writer, position, kind, at, body, hash FROM events WHERE id = ?"
    case .eventsInOrder: "SELECT id, writer, position, kind, at, body, hash FROM events ORDER BY id"
    case .eventsFrom: "SELECT id, writer, position, kind, at, body, hash FROM events WHERE id > ? ORDER BY id LIMIT ?"
    case .allWriters: "SELECT id, name, length, head, cut, cut_head, named FROM writers ORDER BY id"
    case .eventHash: "SELECT hash FROM events WHERE writer = ? AND position = ?"
    case .resetWriters: "UPDATE writers SET length = cut, head = coalesce(cut_head, zeroblob(32)), named = cut"
    case .nameWriter: "UPDATE writers SET named = max(named, ?) WHERE name = ?"
    case .writersWithOpenRequests:
      "SELECT DISTINCT writers.name FROM requests JOIN writers ON writers.id = requests.writer WHERE requests.state = 0"
    case .personalHash: "SELECT hash FROM personal WHERE field = ? AND value = ?"
    case .personalValue: "SELECT field, value, salt FROM personal WHERE hash = ?"
    case .insertPersonal: "INSERT INTO personal (hash, salt, field, value) VALUES (?, ?, ?, ?)"
    case .deletePersonal: "DELETE FROM personal WHERE hash = ?"
    case .personalRows: "SELECT hash, salt, field, value FROM personal"
    default: requestSQL
    }
  }

  private var requestSQL: String {
    switch self {
    case .modelNumber: "SELECT id FROM models WHERE name = ? AND quantization = ? AND sha256 = ?"
    case .insertModel: "INSERT INTO models (name, quantization, sha256) VALUES (?, ?, ?)"
    case .tagNumber: "SELECT id FROM tags WHERE key = ? AND value = ?"
    case .insertTag: "INSERT INTO tags (key, value) VALUES (?, ?)"
    case .insertRequest:
      """
      INSERT INTO requests (id, request, writer, state, exact, opened_at, model, user, prompt, cached, completion, \
      cpu_nanos, currency, command) VALUES (?, ?, ?, 0, 1, ?, ?, ?, ?, 0, 0, 0, '', ?)
      """
    case .insertRequestTag: "INSERT OR IGNORE INTO request_tags VALUES (?, ?)"
    case .request: "SELECT id, state, opened_at, model FROM requests WHERE request = ?"
    case .openRequests: "SELECT request, prompt FROM requests WHERE writer = ? AND state = 0"
    case .closeRequest:
      """
      UPDATE requests SET state = ?2, exact = ?3, closed_at = ?4, prompt = ?5, cached = ?6, completion = ?7, \
      finish = ?8, stopped_by = ?9, cpu_nanos = ?10, first_nanos = ?11, prefill_nanos = ?12, decode_nanos = ?13, \
      total_nanos = ?14, kv_bytes = ?15, prompt_bytes = ?16, answer_bytes = ?17, currency = ?18, marginal = ?19, \
      charge = ?20, prompt_cpu_nanos = ?21 WHERE id = ?1
      """
    case .addTotal:
      "SELECT requests, prompt, cached, completion, cpu_nanos, unpriced, marginal FROM totals "
        + "WHERE day = ? AND model = ? AND currency = ? AND cut = ?"
    case .insertTotal: "INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    case .totalsOfDay:
      "SELECT currency, requests, prompt, cached, completion, cpu_nanos, unpriced, marginal FROM totals WHERE day = ?"
    case .reportRows: "SELECT \(Self.reportColumns) FROM requests WHERE opened_at >= ? AND opened_at < ? ORDER BY id"
    // Of all rows: in the order in which they lie, without a way through the index.
    case .reportAllRows: "SELECT \(Self.reportColumns) FROM requests ORDER BY id"
    case .workloadRows:
      "SELECT opened_at, model, prompt, cached, completion, prefill_nanos, decode_nanos, prompt_bytes, answer_bytes, "
        + "closed_at, writer FROM requests WHERE state = 1 AND finish != 'error' AND command IS NOT 'bench' AND opened_at >= ? AND opened_at < ?"
    case .reportTags:
      "SELECT request, tag FROM request_tags JOIN tags ON tags.id = tag WHERE tags.key = ? ORDER BY request"
    case .models: "SELECT id, name, quantization FROM models"
    case .tagRows: "SELECT id, key, value FROM tags"
    case .insertClosedMonth: "INSERT OR IGNORE INTO closed_months VALUES (?, ?, ?)"
    case .closedMonth: "SELECT at FROM closed_months WHERE month = ?"
    case .openBetween: "SELECT count(*) FROM requests WHERE state = 0 AND opened_at >= ? AND opened_at < ?"
    default: processSQL
    }
  }

  private var processSQL: String {
    switch self {
    case .insertProcess: "INSERT INTO processes VALUES (?, ?, ?, ?, ?, ?)"
    case .processes: "SELECT cpu_nanos, request_nanos FROM processes WHERE at >= ? AND at < ?"
    case .processesOfWriter: "SELECT cpu_nanos, request_nanos FROM processes WHERE process = ?"
    case .processesToCut:
      "SELECT cpu_nanos, request_nanos FROM processes WHERE id NOT IN (SELECT id FROM events)"
    case .requestsOfWriter:
      "SELECT cpu_nanos FROM events JOIN requests ON requests.id = events.id "
        + "WHERE events.writer = ? AND requests.state > 0"
    case .insertShare: "INSERT INTO shares VALUES (?, ?, ?)"
    case .shares:
      "SELECT intervals.start, shares.request, shares.cpu_nanos FROM intervals "
        + "JOIN shares ON shares.interval = intervals.id "
        + "WHERE intervals.machine = ? AND intervals.start >= ? AND intervals.start < ? ORDER BY intervals.start"
    default: retentionSQL
    }
  }

  private var retentionSQL: String {
    switch self {
    case .cutEvents: "DELETE FROM events WHERE writer = ? AND position < ?"
    case .cutWriter: "UPDATE writers SET cut = ?2, cut_head = ?3, named = max(named, ?2) WHERE id = ?1"
    case .requestsToCut:
      "SELECT opened_at, name, quantization, sha256, prompt, cached, completion, cpu_nanos, currency, marginal "
        + "FROM requests JOIN models ON models.id = model WHERE requests.id NOT IN (SELECT id FROM events) "
        + "ORDER BY requests.id"
    case .keptEvents:
      "SELECT events.position, events.kind, events.at, events.hash, requests.state, requests.closed_at FROM events "
        + "LEFT JOIN requests ON requests.id = events.id WHERE events.writer = ? ORDER BY events.position"
    case .cutTotals:
      "SELECT day, models.name, models.quantization, models.sha256, currency, requests, prompt, cached, completion, "
        + "cpu_nanos, unpriced, marginal FROM totals JOIN models ON models.id = model WHERE cut = 1 "
        + "ORDER BY day, model, currency"
    default: budgetSQL
    }
  }

  private var budgetSQL: String {
    switch self {
    case .insertTariff: "INSERT INTO tariffs VALUES (?, ?, ?, ?, ?, ?, ?)"
    case .tariff:
      "SELECT currency, uncached, cached, completion FROM tariffs WHERE model = ? ORDER BY since DESC, id DESC LIMIT 1"
    case .tariffs: "SELECT model, currency, uncached, cached, completion, since FROM tariffs ORDER BY model, since, id"
    case .insertCap: "INSERT INTO caps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    case .changeCap: "UPDATE caps SET amount = ? WHERE name = ?"
    case .cap: "SELECT id, name, scope, key, value, period, zone, currency, amount FROM caps WHERE name = ?"
    case .caps: "SELECT id, name, scope, key, value, period, zone, currency, amount FROM caps ORDER BY id"
    case .deleteCap: "DELETE FROM caps WHERE name = ?"
    case .spending: "SELECT spent, held FROM spending WHERE cap = ? AND period = ?"
    case .allSpending: "SELECT cap, period, spent, held FROM spending ORDER BY cap, period"
    case .setSpending: "INSERT OR REPLACE INTO spending VALUES (?, ?, ?, ?)"
    case .insertHold: "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?)"
    case .holds: "SELECT cap, first, tokens, period, amount FROM holds WHERE request = ? ORDER BY cap, first"
    case .deleteHold: "DELETE FROM holds WHERE request = ? AND cap = ? AND first = ?"
    case .insertRequestTariff: "INSERT INTO request_tariffs VALUES (?, ?, ?, ?, ?)"
    case .requestTariff: "SELECT currency, uncached, cached, completion FROM request_tariffs WHERE request = ?"
    case .deleteRequestTariff: "DELETE FROM request_tariffs WHERE request = ?"
    case .insertAlert: "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?)"
    case .measuredRows:
      "SELECT prompt, cached, completion, prefill_nanos, decode_nanos, currency, marginal FROM requests "
        + "JOIN models ON models.id = model WHERE models.name = ? AND state = 1 AND marginal IS NOT NULL "
        + "AND prefill_nanos IS NOT NULL"
    case .alerts: "SELECT percent FROM alerts WHERE cap = ? AND period = ?"
    default: machineSQL
    }
  }

  private var machineSQL: String {
    switch self {
    case .setMachine:
      """
      INSERT INTO machines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (machine) DO UPDATE SET \
      type = excluded.type, currency = excluded.currency, provisioned_at = excluded.provisioned_at, \
      retired_at = excluded.retired_at, vcpus = excluded.vcpus, picos = excluded.picos, per = excluded.per, \
      commitment = excluded.commitment
      """
    case .machine:
      "SELECT machine, type, currency, provisioned_at, retired_at, vcpus, picos, per, commitment FROM machines "
        + "WHERE machine = ?"
    case .machines:
      "SELECT machine, type, currency, provisioned_at, retired_at, vcpus, picos, per, commitment FROM machines "
        + "ORDER BY id"
    case .insertInterval: "INSERT INTO intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    case .intervals:
      "SELECT requests, overhead, other, wasted, idle, stolen, start, stop FROM intervals "
        + "WHERE machine = ? AND start >= ? AND start < ?"
    case .insertInvoice: "INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    case .invoiceLine:
      "SELECT invoice, line, machine, currency, start, stop, amount FROM invoices WHERE invoice = ? AND line = ?"
    case .invoiceLines:
      "SELECT invoice, line, machine, currency, start, stop, amount FROM invoices "
        + "WHERE stop > ?1 AND start < ?2 AND currency = ?3 ORDER BY invoice, line"
    case .insertAdjustment: "INSERT INTO adjustments VALUES (?, ?, ?, ?, ?)"
    case .adjustments: "SELECT month, currency, amount, reason FROM adjustments ORDER BY id"
    case .setTagRule: "INSERT OR REPLACE INTO tag_rules VALUES (?, ?, ?)"
    case .deleteTagRule: "DELETE FROM tag_rules WHERE key = ?"
    case .tagRules: "SELECT key, required, allowed FROM tag_rules ORDER BY key"
    case .lastEvent: "SELECT max(id) FROM events"
    case .insertText: "INSERT INTO texts (request, at, key, sealed) VALUES (?, ?, ?, ?)"
    case .text: "SELECT key, sealed FROM texts WHERE request = ?"
    case .texts: "SELECT request, at, length(sealed) FROM texts ORDER BY id"
    case .lastText: "SELECT request FROM texts ORDER BY id DESC LIMIT 1"
    case .textRows: "SELECT request, sealed FROM texts ORDER BY id"
    case .deleteText: "DELETE FROM texts WHERE request = ?"
    case .deleteTextsOfUser: "DELETE FROM texts WHERE request IN (SELECT request FROM requests WHERE user = ?)"
    case .deleteCutTexts: "DELETE FROM texts WHERE request NOT IN (SELECT request FROM requests)"
    // Of several events with one version the first counts.
    case .insertPriceVersion: "INSERT OR IGNORE INTO price_versions VALUES (?, ?)"
    case .priceVersion: "SELECT event FROM price_versions WHERE version = ?"
    case .priceVersions: "SELECT event FROM price_versions ORDER BY event"
    case .endingsAfter:
      "SELECT events.id, writer, position, kind, at, body, hash, writers.name FROM events "
        + "JOIN writers ON writers.id = writer WHERE events.id > ? AND kind IN ('settled', 'lost', 'process') ORDER BY events.id"
    default: preconditionFailure("a statement without text: \(self)")
    }
  }
}
