import Testing
@testable import Usage
