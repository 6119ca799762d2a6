extension Host {
  /// Nanoseconds for which this process's control groups have been kept from running because their quota was used up; nil
  /// where no group tells.
  public var throttledNanos: Int64? {
    let times = ControlGroups(files).folders(for: "cpu").compactMap { group -> Int64? in
      guard let text = files.read(group.folder + "/cpu.stat".utf8, limit: 4096) else { return nil }
      // Version 2 counts microseconds, version 1 nanoseconds.
      let (key, unit) = group.isVersion2 ? ("throttled_usec", 1000) : ("throttled_time", 1)
      for line in HostText.lines(text) {
        let fields = HostText.fields(line)
        guard fields.count == 2, HostText.equal(fields[0], key), let count = HostText.integer(fields[1]) else {
          continue
        }
        let (nanos, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow || nanos < 0 ? nil : Int64(nanos)
      }
      return nil
    }
    return times.max()
  }
}
