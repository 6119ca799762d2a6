import Generation
import Testing

@Test func samplingDefaultsAreValid() throws {
  try SamplingParameters().validate()
  try SamplingParameters.greedy.validate()
  #expect(SamplingParameters().temperature == 0.8)
  #expect(SamplingParameters().topK == 40)
  #expect(SamplingParameters().topP == 0.95)
  #expect(SamplingParameters().minP == 0.05)
}

private typealias Change = @Sendable (inout SamplingParameters) -> Void

private let refused: [(String, Change)] = [
  ("temperature", { $0.temperature = .nan }),
  ("temperature", { $0.temperature = .infinity }),
  ("top-k", { $0.topK = -1 }),
  ("top-p", { $0.topP = -0.1 }),
  ("top-p", { $0.topP = 1.001 }),
  ("top-p", { $0.topP = .nan }),
  ("min-p", { $0.minP = -0.1 }),
  ("min-p", { $0.minP = 2 }),
  ("min-p", { $0.minP = .nan }),
  ("repeat penalty", { $0.repeatPenalty = 0 }),
  ("repeat penalty", { $0.repeatPenalty = -1 }),
  ("repeat penalty", { $0.repeatPenalty = .nan }),
  ("repeat penalty", { $0.repeatPenalty = .infinity }),
  ("presence penalty", { $0.presencePenalty = .nan }),
  ("presence penalty", { $0.presencePenalty = -.infinity }),
  ("frequency penalty", { $0.frequencyPenalty = .infinity }),
  ("penalty window", { $0.penaltyWindow = -1 }),
  ("penalty window", { $0.penaltyWindow = SamplingParameters.maximumWindow + 1 }),
  ("logit bias", { $0.logitBias = [LogitBias(token: 0, bias: .nan)] }),
  ("logit bias", { $0.logitBias = [LogitBias(token: 0, bias: .infinity)] }),
]

@Test(arguments: refused.indices)
func samplingParametersOutOfRangeAreNamed(index: Int) {
  let (name, change) = refused[index]
  var parameters = SamplingParameters()
  change(&parameters)
  let error = #expect(throws: SamplingError.self) { try parameters.validate() }
  guard case .outOfRange(parameter: name, value: _, allowed: _)? = error else {
    Issue.record("\(name): found \(String(describing: error))")
    return
  }
  #expect(throws: SamplingError.self) { try Sampler(parameters, vocabulary: 8) }
}

@Test func samplingParametersAtTheirLimitsAreTaken() throws {
  var parameters = SamplingParameters()
  parameters.temperature = -1
  parameters.topK = .max
  parameters.topP = 0
  parameters.minP = 1
  parameters.repeatPenalty = .leastNonzeroMagnitude
  parameters.penaltyWindow = SamplingParameters.maximumWindow
  parameters.logitBias = [LogitBias(token: 7, bias: -.infinity)]
  _ = try Sampler(parameters, vocabulary: 8)
}

@Test func samplingBiasOutsideTheVocabularyIsRefused() {
  for token in [TokenIDs.negative, 8] {
    var parameters = SamplingParameters()
    parameters.logitBias = [LogitBias(token: token, bias: 1)]
    #expect(throws: SamplingError.unknownToken(token, vocabulary: 8)) { try Sampler(parameters, vocabulary: 8) }
  }
  var parameters = SamplingParameters()
  let limit = SamplingParameters.maximumBiases
  parameters.logitBias = Array(repeating: LogitBias(token: 0, bias: 1), count: limit + 1)
  #expect(throws: SamplingError.tooManyBiases(count: limit + 1, limit: limit)) { try parameters.validate() }
}

private enum TokenIDs { static let negative: Int32 = -1 }

@Test func samplingWithoutASeedDrawsOneAndSaysIt() throws {
  let first = try Sampler(SamplingParameters(), vocabulary: 8)
  let second = try Sampler(SamplingParameters(), vocabulary: 8)
  #expect(first.seed != second.seed)
}
