import Compute
import ModelFiles
import NumericsSupport
import Testing
import Tokenization
import Usage

@testable import Generation
@testable import Transformers

/// Notes what a request shows, and cancels it where told to.
final class Watcher: GenerationObserver {
  /// Prompt tokens done at which the request is cancelled.
  var cancelAtPrompt = Int.max
  /// Questions after the prompt at which it is cancelled.
  var cancelAfterTokens = Int.max
  private(set) var progress: [Int] = []
  private(set) var pieces: [[UInt8]] = []
  private var questions = 0
  private var total = Int.max

  var text: [UInt8] { Array(pieces.joined()) }

  var isCancelled: Bool {
    if (progress.last ?? 0) < total { return (progress.last ?? 0) >= cancelAtPrompt }
    questions += 1
    // The first question is about the whole prompt.
    return questions - 1 >= cancelAfterTokens
  }

  func prefilled(_ done: Int, of total: Int) {
    self.total = total
    progress.append(done)
  }

  func received(_ text: [UInt8]) { pieces.append(text) }
}

func engine(
  _ fixture: FamilyFixture, threads: Int = 2, batchThreads: Int? = nil, batch: Int = 32, context: Int? = nil,
  kernels: Kernels = .best, product: MatrixProduct = .integer
) throws -> Engine {
  var options = Engine.Options(threads: threads)
  options.batchThreads = batchThreads
  options.batch = batch
  options.context = context
  options.kernels = kernels
  options.product = product
  return try Engine(try ModelFile(path: fixture.path), options)
}

/// A request for `count` tokens, the likeliest ones unless a seed is given, past whatever ends an answer.
func request(_ prompt: [TokenID], _ count: Int? = nil, seed: UInt64? = nil) -> GenerationRequest {
  var request = GenerationRequest(prompt: prompt)
  if let seed {
    request.sampling.seed = seed
    request.sampling.temperature = 1.5
    request.sampling.repeatPenalty = 1.1
  } else {
    request.sampling = .greedy
  }
  request.tokenLimit = count
  request.ignoreEnd = true
  return request
}

extension Session {
  func answer(_ request: GenerationRequest, _ watcher: Watcher = Watcher()) throws -> GenerationResult {
    try CallingThread.mark { try Generator(self).run(request, observer: watcher) }
  }
}
