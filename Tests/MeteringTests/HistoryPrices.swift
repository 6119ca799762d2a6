import Foundation
import Pricing
import Usage

@testable import Metering

extension History {
  /// A machine and three hosted models with random prices of every kind: from days, of tiers, of hours, not stated.
  static func prices(seed: UInt64) throws -> (price: HourlyPrice, rows: PriceRows) {
    var random = SplitMix(state: seed)
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    let unlimited = "\"burst_mode\":\"unlimited\",\"surplus_per_vcpu_hour\":\"0.05\",\"burst_baseline_percent\":"
    let kinds = [
      "\"billed_vcpus\":\"0.5\"", "\"burst_mode\":\"throttled\",\"burst_baseline_percent\":\"20\"",
      unlimited + "\"\(below(40) + 10)\",\"launch_minutes\":\"\(below(60))\",\"balance_hours\":\"\(below(2))\"",
      "\"jurisdiction\":\"EU\"",
    ]
    // The first one of a history saves nothing and owes nothing: whatever goes beyond is charged at once.
    let strict = unlimited + "\"\(below(20) + 1)\",\"balance_hours\":\"0\",\"allowance_hours\":\"0\""
    let kind = seed % 3 == 0 ? strict : kinds[below(kinds.count)]
    let machine = """
      {"provider":"cloud","region":"here","type":"t3.small","vcpus":"2","on_demand_per_hour":"0.0\(below(90) + 10)",
      "as_of":"2026-10-01","source":"a test",\(kind)}
      """
    var lines: [String] = []
    for model in ["plain", "tiered", "dated"] {
      let name = "\"provider\":\"api\",\"model\":\"\(model)\",\"source\":\"a test\""
      func prices() -> String {
        let cached = below(3) == 0 ? "" : ",\"cached_input_per_mtok\":\"0.0\(below(900) + 1)\""
        return
          "\"input_per_mtok\":\"\(below(30)).\(below(10_000))\",\"output_per_mtok\":\"\(below(90)).\(below(999))\"\(cached)"
      }
      lines.append("{\"line\":\"model\",\"as_of\":\"2026-10-01\",\(name),\(prices())}")
      if model == "tiered" {
        for above in [below(12) + 5, below(12) + 20] {
          lines.append("{\"line\":\"tier\",\"above_input_tokens\":\"\(above)\",\(name),\(prices())}")
        }
        let (start, end) = (below(24), below(24))
        if start != end {
          let hours = [start, end].map { $0 < 10 ? "0\($0):30" : "\($0):30" }
          lines.append(
            "{\"line\":\"hours\",\"utc_start\":\"\(hours[0])\",\"utc_end\":\"\(hours[1])\",\(name),\(prices())}")
        }
      }
      if model == "dated" {
        for (day, status) in [("25", "announced"), ("26", "cancelled"), ("27", "confirmed")] {
          let until = status == "confirmed" ? ",\"until\":\"2026-10-28\"" : ""
          lines.append(
            "{\"line\":\"price\",\"from\":\"2026-10-\(day)\",\"status\":\"\(status)\"\(until),\(name),\(prices())}")
        }
      }
    }
    let book = try book(machines: machine, hosted: lines.joined(separator: ","))
    let price = try book.machines[0].price(.onDemand, at: begin)
    return (price, PriceRows(price: price, hosted: book.hosted))
  }

  private static func book(machines: String, hosted: String) throws -> PriceBook {
    let text = "{\"schema\":\"farthing prices 1\",\"machines\":[\(machines)],\"hosted\":[\(hosted)]}"
    return try PriceDocument.read(Array(text.utf8), file: "a test")
  }

  /// The machine of recorded rows, likewise.
  static func machine(_ version: PriceRows) throws -> Machine? {
    guard case .object(let members) = version.rows, let row = members["machine"], row != .null else { return nil }
    return try book(machines: String(decoding: row.bytes, as: UTF8.self), hosted: "").machines.first
  }

  /// The hosted models of recorded rows, read back from the event's text.
  static func models(_ version: PriceRows) throws -> [HostedModel] {
    guard case .object(let members) = version.rows, case .list(let rows)? = members["hosted"] else { return [] }
    let texts = rows.map { String(decoding: $0.bytes, as: UTF8.self) }
    return try book(machines: "", hosted: texts.joined(separator: ",")).hosted
  }
}

extension HourlyPrice {
  /// As `Serving` charges it.
  var perVCPUNano: RequestPrice {
    get throws {
      let rate = try hourly.divided(by: vcpus, unit: .vcpuNanosecond)
      return RequestPrice(currency: rate.currency.description, picos: rate.picos, per: rate.quantity)
    }
  }
}
