import Glibc

/// How noise is taken out step by step. What `scheduler_config.json` of a diffusion model says.
package struct NoiseSchedule: Sendable, Equatable {
    /// The method.
    package enum Method: Sendable {
        /// J. Song, C. Meng, S. Ermon: Denoising diffusion implicit models (2020), without new noise.
        case ddim
        /// Euler's method of T. Karras et al.: Elucidating the design space of diffusion-based generative models (2022).
        case euler
    }

    /// What the denoiser predicts.
    package enum Prediction: Sendable {
        /// The noise.
        case epsilon
        /// The velocity of T. Salimans, J. Ho: Progressive distillation (2022).
        case velocity
    }

    /// The method.
    package var method = Method.ddim
    /// What the denoiser predicts.
    package var prediction = Prediction.epsilon
    /// Noise that is added in the first and last step of training.
    package var betas = 0.00085...0.012
    /// Whether the roots of the betas grow evenly, instead of the betas.
    package var isScaledLinear = true
    /// Steps of training, 1...10000.
    package var trainingSteps = 1_000
    /// Added to every step's number.
    package var offset = 1
    /// Whether the last step ends without any noise.
    package var endsClean = false

    /// Stable Diffusion's own numbers.
    package init() {}

    /// The share of the picture's signal after each step of training, falling from nearly 1.
    var signals: [Double] {
        let (first, last) = (betas.lowerBound, betas.upperBound)
        var product = 1.0
        return (0..<trainingSteps).map { step in
            let share = trainingSteps > 1 ? Double(step) / Double(trainingSteps - 1) : 0
            let root = first.squareRoot() + share * (last.squareRoot() - first.squareRoot())
            product *= 1 - (isScaledLinear ? root * root : first + share * (last - first))
            return product
        }
    }
}

/// A schedule laid out for a number of steps. Latents are the numbers that a picture is made of on the way.
struct Sampler {
    /// The training step that the denoiser is told, first to last.
    let times: [Double]
    private let schedule: NoiseSchedule
    /// DDIM: signal at each step, and after it. Euler: noise at each step, and after it.
    private let levels: [(now: Double, next: Double)]

    init(_ schedule: NoiseSchedule, steps: Int) {
        self.schedule = schedule
        let signals = schedule.signals
        let count = signals.count
        let steps = min(max(steps, 1), count)
        switch schedule.method {
        case .ddim:
            let stride = count / steps
            let times = (0..<steps).reversed().map { min($0 * stride + schedule.offset, count - 1) }
            self.times = times.map(Double.init)
            let final = schedule.endsClean ? 1 : signals[0]
            levels = times.map { (signals[$0], $0 - stride >= 0 ? signals[$0 - stride] : final) }
        case .euler:
            let noise = signals.map { ((1 - $0) / $0).squareRoot() }
            let times = (0..<steps).map { step in
                steps > 1 ? Double(count - 1) * Double(steps - 1 - step) / Double(steps - 1) : Double(count - 1)
            }
            self.times = times
            let found = times.map { time -> Double in
                let below = min(Int(time), count - 1)
                let above = min(below + 1, count - 1)
                return noise[below] + (noise[above] - noise[below]) * (time - Double(below))
            }
            levels = zip(found, found.dropFirst() + [0]).map { ($0, $1) }
        }
    }

    /// By what pure noise is multiplied to begin with.
    var startingNoise: Float { schedule.method == .ddim ? 1 : Float(levels.first?.now ?? 1) }

    /// A clean picture's latents with as much noise as there is at the start of a step.
    func noised(_ clean: [Float], _ noise: [Float], at step: Int) -> [Float] {
        let level = levels[step].now
        let (signal, share) = schedule.method == .ddim ? (level.squareRoot(), (1 - level).squareRoot()) : (1, level)
        return zip(clean, noise).map { Float(signal) * $0 + Float(share) * $1 }
    }

    /// What the denoiser is shown.
    func scaled(_ latents: [Float], at step: Int) -> [Float] {
        guard schedule.method == .euler else { return latents }
        let factor = Float(1 / (levels[step].now * levels[step].now + 1).squareRoot())
        return latents.map { $0 * factor }
    }

    /// The latents after a step, from what the denoiser predicted.
    func next(_ latents: [Float], _ predicted: [Float], at step: Int) -> [Float] {
        let (now, next) = levels[step]
        switch schedule.method {
        case .ddim:
            let (signal, noise) = (now.squareRoot(), (1 - now).squareRoot())
            let (nextSignal, nextNoise) = (next.squareRoot(), (1 - next).squareRoot())
            return zip(latents, predicted).map { latent, guess in
                let (x, p) = (Double(latent), Double(guess))
                let clean = schedule.prediction == .epsilon ? (x - noise * p) / signal : signal * x - noise * p
                let rest = schedule.prediction == .epsilon ? p : signal * p + noise * x
                return Float(nextSignal * clean + nextNoise * rest)
            }
        case .euler:
            return zip(latents, predicted).map { latent, guess in
                let (x, p) = (Double(latent), Double(guess))
                guard schedule.prediction == .velocity else { return Float(x + p * (next - now)) }
                let clean = x / (now * now + 1) - p * now / (now * now + 1).squareRoot()
                return Float(x + (x - clean) / now * (next - now))
            }
        }
    }
}

/// Numbers from a bell curve, the same for the same seed everywhere. Splitmix64 (Steele, Lea, Flood 2014) and the method of
/// Box and Muller (1958).
struct Noise {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    private mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return (Double((z ^ (z >> 31)) >> 11) + 0.5) / 9_007_199_254_740_992
    }

    /// So many of them.
    mutating func numbers(_ count: Int) -> [Float] {
        var found: [Float] = []
        found.reserveCapacity(count + 1)
        while found.count < count {
            let radius = (-2 * log(unit())).squareRoot()
            let angle = 2 * Double.pi * unit()
            found.append(Float(radius * cos(angle)))
            found.append(Float(radius * sin(angle)))
        }
        return Array(found.prefix(count))
    }
}
