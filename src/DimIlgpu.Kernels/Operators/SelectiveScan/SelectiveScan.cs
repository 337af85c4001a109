using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>What the scan reads.</summary>
/// <param name="U">u, (2·B·L, E): both directions stacked, each in token order.</param>
/// <param name="Delta">Δ, (2·B·L, E), positive: see <see cref="Softplus"/>.</param>
/// <param name="ALog">A_log, (2·N, E); A = −exp(A_log).</param>
/// <param name="B">B, (2·B·L, N); may be a view of columns.</param>
/// <param name="C">C, (2·B·L, N); may be a view of columns.</param>
/// <param name="D">D, (2, E).</param>
public readonly record struct ScanInputs(Tensor U, Tensor Delta, Tensor ALog, Tensor B, Tensor C, Tensor D);

/// <summary>Where the gradients of <see cref="ScanInputs"/> go; null where not wanted.</summary>
/// <param name="U">Gradient of u.</param>
/// <param name="Delta">Gradient of Δ.</param>
/// <param name="ALog">Gradient of A_log, dense.</param>
/// <param name="B">Gradient of B.</param>
/// <param name="C">Gradient of C.</param>
/// <param name="D">Gradient of D.</param>
public readonly record struct ScanGradients(Sink? U, Sink? Delta, Sink? ALog, Sink? B, Sink? C, Sink? D);

/// <summary>The bidirectional selective scan, parallel over batch, channels and chunks of the sequence.</summary>
/// <remarks>
/// <para>
/// For each direction, in that direction's order: h_t = exp(Δ_t A) ⊙ h_{t−1} + Δ_t B_t u_t; y_t = C_t·h_t + D u_t. The second direction reads tokens from the last to the first; nothing is flipped in memory.
/// </para>
/// <para>
/// Each step is an affine map h → a h + b, and maps compose associatively: later (a₂, b₂) after earlier (a₁, b₁) is
/// (a₂a₁, a₂b₁ + b₂). A sequence is cut into chunks; each folds its maps (its decay is exp(A·ΣΔ): one exponential per
/// state), the folds are scanned, and each chunk runs again from its incoming state. Chunks count from each direction's
/// own start, so the second direction equals reverse ∘ scan ∘ reverse to the bit.
/// </para>
/// <para>
/// The backward pass keeps one state every <see cref="SegmentOf"/> tokens and recomputes those between. Its own recurrence
/// g_t = C_t dy_t + exp(Δ_{t+1} A) ⊙ g_{t+1} is the same kind of scan from the other end, cut into the same chunks.
/// </para>
/// <para>Source: Gu and Dao 2023, arXiv:2312.00752, algorithm 2; Blelloch 1990 for the scan of maps.</para>
/// </remarks>
public static class SelectiveScan
{
    private const int CpuSegment = 32;

    // As many independent strips as keep the hardware busy: register lanes on a CPU, groups on a GPU.
    private const long EnoughCpuStrips = 16;
    private const long EnoughGpuGroups = 660;
    private const long EnoughGpuBackwardGroups = 264;

    // Folding runs through all tokens once more, so fewer chunks than these gain nothing.
    private const long FewestChunks = 4;
    private const long FewestGpuBackwardChunks = 2;

    // Tiles of a chunk of a forward pass.
    private const int FewestGpuTiles = 16;

    /// <summary>The most states N per channel on every device; N is a multiple of 4.</summary>
    public const int MaxStates = 16;

    /// <summary>The most states N per channel on a GPU, where more than 16 run 16 at a time.</summary>
    public const int MaxGpuStates = 256;

    // Of a group with three or four channels a thread; a device that has less gets one.
    private const int MostSharedMemory = 48 * 1024;

    // Multiprocessors of the GPU that shapes are laid out for, whichever runs them: sums depend on shape alone.
    private const int Processors = 132;
    private const int Lanes = 32;

    /// <summary>Channels of a CPU over which dB and dC are summed before partial sums are written.</summary>
    internal const int ChannelsPerGroup = 128;

    /// <summary>Tokens from one kept state to the next.</summary>
    /// <param name="device">Where the scan runs.</param>
    public static int SegmentOf(Device device) => device.Kind == DeviceKind.Cpu ? CpuSegment : ScanGroup.Tile;

    /// <summary>The shape of the states that the backward pass needs.</summary>
    /// <param name="device">Where the scan runs.</param>
    /// <param name="batch">Batch size B.</param>
    /// <param name="tokens">Tokens L of a sequence.</param>
    /// <param name="states">States N of a channel.</param>
    /// <param name="channels">Channels E.</param>
    public static Shape CheckpointShape(Device device, int batch, int tokens, int states, int channels) =>
        new(2L * batch * Divide(tokens, SegmentOf(device)) * states, channels);

    /// <summary>Computes y.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="inputs">What is scanned.</param>
    /// <param name="y">Output, (2·B·L, E): both directions stacked, each in token order.</param>
    /// <param name="batch">Batch size B.</param>
    /// <param name="checkpoints">Receives the kept states, of <see cref="CheckpointShape"/>; null where no gradient is wanted.</param>
    /// <exception cref="ArgumentException">The shapes do not fit each other, or N is no multiple of 4 up to <see cref="MaxStates"/>, or on a GPU <see cref="MaxGpuStates"/>; or a sequence has over 2³¹ − 1 elements of u on a GPU.</exception>
    public static void Forward(Device device, ScanInputs inputs, Tensor y, int batch, Tensor? checkpoints) =>
        Forward(device, inputs, y, batch, checkpoints, chunks: 0);

    /// <summary>The gradients of <see cref="Forward(Device, ScanInputs, Tensor, int, Tensor?)"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="inputs">The inputs of the forward pass.</param>
    /// <param name="checkpoints">The states that it kept.</param>
    /// <param name="dy">Gradient of the output, (2·B·L, E).</param>
    /// <param name="batch">Batch size B.</param>
    /// <param name="gradients">Where the gradients go.</param>
    public static void Backward(
        Device device, ScanInputs inputs, Tensor checkpoints, Tensor dy, int batch, ScanGradients gradients) =>
        Backward(device, inputs, checkpoints, dy, batch, gradients, chunks: 0);

    /// <summary>With a number of chunks to aim at, and on a GPU the channels of a thread; 0 chooses by shape.</summary>
    internal static void Forward(Device device, ScanInputs inputs, Tensor y, int batch, Tensor? checkpoints, int chunks, int width = 0)
    {
        ScanLayout layout = Layout(device, inputs, batch, chunks, width, isBackward: false);
        Check.Dense(y, inputs.U.Shape);
        CheckType(y, inputs.U, nameof(y));
        if (checkpoints is { } kept)
        {
            Check.Dense(kept, CheckpointShape(device, batch, layout.Tokens, layout.States, layout.Channels), nameof(checkpoints));
        }

        using ArenaScope scope = device.Scratch.Scope();
        ScanView view = device.Kind == DeviceKind.Cpu || layout.Chunks > 1 ? View(device, layout, inputs) : new(layout, inputs, a: default);
        Tensor states = checkpoints ?? device.Scratch.Rent(new(layout.Strips * layout.States, layout.Channels));
        int keep = checkpoints is null ? 0 : 1;
        if (layout.Chunks > 1)
        {
            Fold(device, view, states.Memory, dy: default, adjoint: 0, keep);
        }

        if (device.Kind != DeviceKind.Cpu)
        {
            Run<ForwardPass>(device, view, new(dy: default, y.Memory, states.Memory, keep));
            return;
        }

        switch (layout.States / 4)
        {
            case 1:
                Forward<OneQuad>(device, view, states.Memory, y.Memory, keep);
                break;
            case 2:
                Forward<TwoQuads>(device, view, states.Memory, y.Memory, keep);
                break;
            case 3:
                Forward<ThreeQuads>(device, view, states.Memory, y.Memory, keep);
                break;
            default:
                Forward<FourQuads>(device, view, states.Memory, y.Memory, keep);
                break;
        }
    }

    /// <inheritdoc cref="Forward(Device, ScanInputs, Tensor, int, Tensor?, int, int)"/>
    internal static void Backward(
        Device device, ScanInputs inputs, Tensor checkpoints, Tensor dy, int batch, ScanGradients gradients, int chunks, int width = 0)
    {
        ScanLayout layout = Layout(device, inputs, batch, chunks, width, isBackward: true);
        Check.Dense(dy, inputs.U.Shape);
        CheckType(dy, inputs.U, nameof(dy));
        using ArenaScope scope = device.Scratch.Scope();
        ScanView view = View(device, layout, inputs);
        Tensor incoming = device.Scratch.Rent(new(layout.Chunks > 1 ? layout.Strips * layout.States : 1, layout.Channels));
        if (layout.Chunks > 1)
        {
            Fold(device, view, incoming.Memory, dy.Memory, adjoint: 1, keep: 0);
        }

        int n = layout.States, e = layout.Channels, groups = Divide(e, device.Kind == DeviceKind.Cpu ? ChannelsPerGroup : Lanes * layout.Width);
        long rows = inputs.U.Rows;
        Tensor dA = device.Scratch.Rent(new(layout.Strips, n * e));
        Tensor dD = device.Scratch.Rent(new(layout.Strips, e));
        Tensor dB = device.Scratch.Rent(new(rows * groups, n)), dC = device.Scratch.Rent(new(rows * groups, n));
        Sink du = gradients.U ?? new(device.Scratch.Rent(inputs.U.Shape, type: inputs.U.ElementType), Add: false);
        Sink dDelta = gradients.Delta ?? new(device.Scratch.Rent(inputs.U.Shape, type: inputs.U.ElementType), Add: false);
        Check.Dense(du.Tensor, inputs.U.Shape, nameof(gradients));
        Check.Dense(dDelta.Tensor, inputs.U.Shape, nameof(gradients));
        CheckType(du.Tensor, inputs.U, nameof(gradients));
        CheckType(dDelta.Tensor, inputs.U, nameof(gradients));

        ScanBackward.Launch(device, new ScanAdjoint(
            view, incoming.Memory, checkpoints.Memory, dy.Memory, du.Tensor.Memory, dDelta.Tensor.Memory,
            dA.Memory, dD.Memory, dB.Memory, dC.Memory, groups, du.Add ? 1 : 0, dDelta.Add ? 1 : 0));

        int parts = batch * layout.Chunks;
        if (gradients.ALog is { } a)
        {
            ColumnSum.Fold(device, dA, parts, a with { Tensor = a.Tensor.Reshape(new(2, n * e)) });
        }

        FoldWanted(device, dD, parts, gradients.D);
        FoldWanted(device, dB, groups, gradients.B);
        FoldWanted(device, dC, groups, gradients.C);
    }

    private static void Forward<TQuads>(Device device, ScanView view, Floats states, Floats y, int keep)
        where TQuads : struct, IQuads
    {
        ScanLayout l = view.Layout;
        int lane = device.Lane(l.Channels), most = l.Channels / lane;

        // As few as keep the threads busy: memory delivers long pieces of rows sooner than short ones. No sum depends on it.
        int groups = (int)Math.Clamp(device.EnoughTiles / l.Strips, Math.Min(most, Divide(l.Channels, ChannelsPerGroup)), most);
        Tensor scratch = device.ThreadScratch(ScanForwardTiles<TQuads>.ScratchLength(l.Segment) * lane);
        device.Tiles(
            new ScanForwardTiles<TQuads>(view, states, y, keep, groups, scratch.Memory, scratch.Columns), l.Strips * groups, lane);
    }

    /// <summary>One pass over all tokens on a GPU.</summary>
    private static void Run<TPass>(Device device, ScanView view, ScanPassView pass)
        where TPass : struct, IScanPass
    {
        if (view.U.IsNarrow != 0)
        {
            Run<BFloat16Element, TPass>(device, view, pass);
        }
        else
        {
            Run<Float32Element, TPass>(device, view, pass);
        }
    }

    /// <summary>16 states at a time; those after the first add to y.</summary>
    private static void Run<TElement, TPass>(Device device, ScanView view, ScanPassView pass)
        where TElement : struct, IElement
        where TPass : struct, IScanPass
    {
        if (!TPass.IsFold && view.Layout.IsWhole)
        {
            Run<TElement, TPass, ThreeWholeChannels>(device, view, pass);
        }
        else if (!TPass.IsFold && view.Layout.Width == 3)
        {
            Run<TElement, TPass, ThreeChannels>(device, view, pass);
        }
        else
        {
            Run<TElement, TPass, OneChannel>(device, view, pass);
        }
    }

    /// <inheritdoc cref="Run{TElement, TPass}"/>
    private static void Run<TElement, TPass, TWidth>(Device device, ScanView view, ScanPassView pass)
        where TElement : struct, IElement
        where TPass : struct, IScanPass
        where TWidth : struct, IScanWidth
    {
        ScanLayout l = view.Layout;
        Index3D groups = new(Divide(l.Channels, ScanGroups<TElement, TPass, TWidth>.Channels), 2 * l.Batch, l.Chunks);
        for (int first = 0; first < l.States; first += ScanGroup.States)
        {
            device.Groups(new ScanGroups<TElement, TPass, TWidth>(view, pass.From(first)), groups, ScanGroup.Threads);
        }
    }

    private static void FoldWanted(Device device, Tensor partial, int parts, Sink? to)
    {
        if (to is { } sink)
        {
            ColumnSum.Fold(device, partial, parts, sink);
        }
    }

    /// <summary>Folds the maps of every chunk, and scans the folds: what flows into each chunk.</summary>
    private static void Fold(Device device, ScanView view, Floats incoming, Floats dy, int adjoint, int keep)
    {
        ScanLayout layout = view.Layout;
        Tensor folds = device.Scratch.Rent(new(layout.Strips * layout.States, layout.Channels));
        Tensor sums = device.Scratch.Rent(new(layout.Strips, layout.Channels));
        if (device.Kind == DeviceKind.Cpu)
        {
            device.Strips(
                new ScanFold(view, dy, folds.Memory, sums.Memory, adjoint), layout.Strips * (layout.States / 4), layout.Channels);
        }
        else if (adjoint != 0)
        {
            Run<AdjointFoldPass>(device, view, new(dy, sums.Memory, folds.Memory, keep: 0));
        }
        else
        {
            Run<FoldPass>(device, view, new(dy: default, sums.Memory, folds.Memory, keep: 0));
        }

        device.Strips(
            new ScanOfFolds(view, folds.Memory, sums.Memory, incoming, adjoint, keep),
            2L * layout.Batch * layout.States, layout.Channels);
    }

    /// <summary>The inputs as kernels read them, with A in the unit of 2^x.</summary>
    private static ScanView View(Device device, ScanLayout layout, ScanInputs inputs)
    {
        Tensor a = device.Scratch.Rent(inputs.ALog.Shape);
        device.Strips(new ScanDecayRate(inputs.ALog.Memory, a.Memory, a.Columns), a.Rows, a.Columns);
        return new(layout, inputs, a.Memory);
    }

    private static ScanLayout Layout(Device device, ScanInputs inputs, int batch, int chunks, int width, bool isBackward)
    {
        Check.NotEmpty(inputs.U, nameof(inputs.U));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        Check.Divides(2L * batch, inputs.U.Rows, nameof(inputs.U));
        int tokens = checked((int)(inputs.U.Rows / 2 / batch)), channels = inputs.U.Columns, states = inputs.B.Columns;
        int most = device.Kind == DeviceKind.Cpu ? MaxStates : MaxGpuStates;
        if (states % 4 != 0 || states < 4 || states > most)
        {
            throw new ArgumentException(
                $"'{nameof(inputs.B)}' has {states} states; expected a multiple of 4 from 4 to {most}.", nameof(inputs));
        }

        Check.Dense(inputs.U, inputs.U.Shape, nameof(inputs.U));
        Check.Dense(inputs.Delta, inputs.U.Shape, nameof(inputs.Delta));
        Check.Dense(inputs.ALog, new(2 * states, channels), nameof(inputs.ALog));
        Check.Shape(inputs.B, new(inputs.U.Rows, states), nameof(inputs.B));
        Check.Shape(inputs.C, new(inputs.U.Rows, states), nameof(inputs.C));
        Check.Dense(inputs.D, new(2, channels), nameof(inputs.D));

        CheckType(inputs.Delta, inputs.U, nameof(inputs.Delta));
        CheckType(inputs.B, inputs.U, nameof(inputs.B));
        CheckType(inputs.C, inputs.U, nameof(inputs.C));

        if (device.Kind != DeviceKind.Cpu && (long)tokens * channels > int.MaxValue)
        {
            throw new ArgumentException(
                $"'{nameof(inputs.U)}' has {tokens} tokens of {channels} channels in a sequence; a GPU scans at most {int.MaxValue} elements of one.",
                nameof(inputs));
        }

        int segment = SegmentOf(device);
        if (width == 0)
        {
            width = device.Kind == DeviceKind.Cpu ? 1 : isBackward ? BackwardWidth(device, batch, channels) : ForwardWidth(device, batch, channels, tokens);
        }

        if (chunks == 0)
        {
            chunks = device.Kind == DeviceKind.Cpu
                ? Chunks(2L * batch * Divide(channels, device.Lane(channels)), EnoughCpuStrips, FewestChunks, tokens / (4 * segment))
                : isBackward
                ? Chunks(2L * batch * Divide(channels, Lanes * width), EnoughGpuBackwardGroups, FewestGpuBackwardChunks, tokens / (4 * segment))
                : Chunks(2L * batch * Divide(channels, Lanes * width), EnoughGpuGroups, FewestChunks, tokens / (FewestGpuTiles * segment));
        }

        int length = Divide(Divide(tokens, chunks), segment) * segment;
        return new(batch, tokens, channels, states, Divide(tokens, length), length, segment, width);
    }

    private static int Chunks(long groups, long enough, long fewest, int most)
    {
        long wanted = enough / Math.Max(1, groups);
        return (int)Math.Clamp(wanted < fewest ? 1 : wanted, 1, Math.Max(1, most));
    }

    /// <summary>
    /// Three channels a thread where they make two groups a multiprocessor, or do so with chunks that are long enough.
    /// </summary>
    private static int ForwardWidth(Device device, int batch, int channels, int tokens)
    {
        long groups = 2L * batch * Divide(channels, 3 * Lanes), chunks = EnoughGpuGroups / groups;
        bool isEnough = groups >= 2 * Processors || (chunks >= FewestChunks && tokens / ScanGroup.Tile / FewestGpuTiles >= chunks);
        return isEnough && device.Accelerator.MaxSharedMemoryPerGroup >= MostSharedMemory ? 3 : 1;
    }

    /// <summary>The width whose fullest multiprocessor is done first; one channel where shared memory is small.</summary>
    private static int BackwardWidth(Device device, int batch, int channels)
    {
        if (device.Accelerator.MaxSharedMemoryPerGroup < MostSharedMemory)
        {
            return 1;
        }

        // A group of 96 channels takes 5/6 of the time of one of 128. Chunks make up for few groups.
        long groups = 2L * batch * Divide(channels, 4 * Lanes);
        if (EnoughGpuBackwardGroups / groups >= FewestGpuBackwardChunks)
        {
            return 4;
        }

        long wide = DivideLong(groups, Processors) * 6;
        long narrow = DivideLong(2L * batch * Divide(channels, 3 * Lanes), Processors) * 5;
        return narrow < wide ? 3 : 4;
    }

    /// <summary>A launch reads and writes one type of element.</summary>
    private static void CheckType(Tensor tensor, Tensor u, string name)
    {
        if (tensor.ElementType != u.ElementType)
        {
            throw new ArgumentException($"'{name}' holds {tensor.ElementType}; expected {u.ElementType}, as u has.", name);
        }
    }

    private static int Divide(int a, int b) => (a + b - 1) / b;

    private static long DivideLong(long a, long b) => (a + b - 1) / b;
}

/// <summary>The sizes of a scan and how its sequence is cut.</summary>
internal readonly struct ScanLayout(int batch, int tokens, int channels, int states, int chunks, int chunkLength, int segment, int width)
{
    public readonly int Batch = batch;
    public readonly int Tokens = tokens;
    public readonly int Channels = channels;
    public readonly int States = states;
    public readonly int Chunks = chunks;
    public readonly int ChunkLength = chunkLength;
    public readonly int Segment = segment;

    /// <summary>Channels of a thread of a GPU; folds have one.</summary>
    public readonly int Width = width;

    /// <summary>Whether threads of three channels have three each, and tiles all their tokens.</summary>
    public bool IsWhole => this.Width == 3 && this.Channels % ScanGroup.WholeChannels == 0 && this.Tokens % ScanGroup.Tile == 0;

    /// <summary>Directions · batch · chunks.</summary>
    public long Strips => 2L * this.Batch * this.Chunks;

    /// <summary>Kept states per sequence.</summary>
    public int Segments => (this.Tokens + this.Segment - 1) / this.Segment;

    /// <summary>0 for the forward direction, 1 for the backward one.</summary>
    public int Direction(long strip) => (int)(strip / ((long)this.Batch * this.Chunks));

    /// <summary>Direction and batch element, as one index.</summary>
    public long Sequence(long strip) => strip / this.Chunks;

    /// <summary>The first token of a strip, counted from the start of its direction.</summary>
    public int Begin(long strip) => (int)(strip % this.Chunks) * this.ChunkLength;

    /// <summary>One past the last token of a strip.</summary>
    public int End(long strip)
    {
        int end = this.Begin(strip) + this.ChunkLength;
        return end < this.Tokens ? end : this.Tokens;
    }

    /// <summary>Where the state before token <paramref name="t"/> of a strip stands: kept ones side by side, others in one place a strip.</summary>
    public long Slot(long strip, int t, int keep) =>
        (keep != 0 ? (this.Sequence(strip) * this.Segments) + (t / this.Segment) : strip) * this.States * this.Channels;

    /// <summary>The row in memory of token <paramref name="t"/> of a strip's direction.</summary>
    public long Row(long strip, int t) =>
        (this.Sequence(strip) * this.Tokens) + (this.Direction(strip) == 0 ? t : this.Tokens - 1 - t);

    /// <summary>From one token to the next in memory: +1 or −1 rows.</summary>
    public int Stride(long strip) => this.Direction(strip) == 0 ? 1 : -1;
}

/// <summary>The inputs of a scan as kernels read them.</summary>
internal readonly struct ScanView(ScanLayout layout, ScanInputs inputs, Floats a)
{
    public readonly ScanLayout Layout = layout;
    public readonly Floats U = inputs.U.Memory;
    public readonly Floats Delta = inputs.Delta.Memory;
    public readonly Floats B = inputs.B.Memory;
    public readonly Floats C = inputs.C.Memory;
    public readonly Floats D = inputs.D.Memory;
    public readonly int BPitch = inputs.B.Pitch;
    public readonly int CPitch = inputs.C.Pitch;

    /// <summary>ln(−A), (2·N, E); what runs over tokens on a GPU takes it from here, for a pass of its own costs 256 tokens a twentieth of their time.</summary>
    public readonly Floats ALog = inputs.ALog.Memory;

    /// <summary>A·log₂e, (2·N, E): exp(Δ A) = 2^(Δ·this); absent where nothing reads it.</summary>
    public readonly Floats A = a;
}
