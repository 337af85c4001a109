using ILGPU;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <summary>Everything that the backward kernels read and write.</summary>
internal readonly struct ScanAdjoint(
    ScanView view, Floats incoming, Floats checkpoints, Floats dy, Floats du, Floats dDelta,
    Floats dA, Floats dD, Floats dB, Floats dC, int groups, int addU, int addDelta)
{
    public readonly ScanView View = view;

    /// <summary>The adjoint that flows into each chunk from the one after it; read when there are several.</summary>
    public readonly Floats Incoming = incoming;
    public readonly Floats Checkpoints = checkpoints;
    public readonly Floats Dy = dy;
    public readonly Floats Du = du;
    public readonly Floats DDelta = dDelta;

    /// <summary>Per strip: (N, E) and (E) partial sums.</summary>
    public readonly Floats DA = dA;
    public readonly Floats DD = dD;

    /// <summary>Per row and group of channels: N partial sums.</summary>
    public readonly Floats DB = dB;
    public readonly Floats DC = dC;
    public readonly int Groups = groups;
    public readonly int AddU = addU;
    public readonly int AddDelta = addDelta;
}

/// <summary>
/// The backward pass of a chunk, from its last segment to its first: the states of a segment are recomputed from the
/// kept one, then its tokens run in reverse. dB and dC are summed over 128 channels before they leave the processor.
/// </summary>
/// <remarks>
/// With g_t = C_t dy_t + a_{t+1} ⊙ g_{t+1} and a_t = exp(Δ_t A): dC_t = Σ_e dy h_t; dB_t = Σ_e g Δ u;
/// d(Δu) = Σ_n g B; dΔ = u·d(Δu) + Σ_n g (h_t − Δ u B) A; dA = Σ_t g (h_t − Δ u B) Δ; dD = Σ_t dy u; du = Δ·d(Δu) + D dy.
/// </remarks>
internal static class ScanBackward
{
    public static void Launch(Device device, ScanAdjoint adjoint)
    {
        if (device.Kind != DeviceKind.Cpu)
        {
            LaunchGroups(device, adjoint);
            return;
        }

        switch (adjoint.View.Layout.States / 4)
        {
            case 1:
                LaunchTiles<OneQuad>(device, adjoint);
                break;
            case 2:
                LaunchTiles<TwoQuads>(device, adjoint);
                break;
            case 3:
                LaunchTiles<ThreeQuads>(device, adjoint);
                break;
            default:
                LaunchTiles<FourQuads>(device, adjoint);
                break;
        }
    }

    private static void LaunchTiles<TQuads>(Device device, ScanAdjoint adjoint)
        where TQuads : struct, IQuads
    {
        ScanLayout l = adjoint.View.Layout;
        int lane = device.Lane(l.Channels), lanes = (SelectiveScan.ChannelsPerGroup + lane - 1) / lane;
        using ArenaScope scope = device.Scratch.Scope();
        Tensor scratch = device.ThreadScratch(ScanTiles<TQuads>.ScratchLength(l.Segment, lanes) * lane);
        device.Tiles(
            new ScanTiles<TQuads>(adjoint, scratch.Memory, scratch.Columns), l.Strips * adjoint.Groups, lane);
    }

    private static void LaunchGroups(Device device, ScanAdjoint adjoint)
    {
        ScanView v = adjoint.View;
        bool isOne = v.Layout.Width == 1, byFour = !isOne && (v.Layout.Channels | v.BPitch | v.CPitch) % 4 == 0
            && (v.U.Phase | v.Delta.Phase | v.B.Phase | v.C.Phase | v.A.Phase | adjoint.Incoming.Phase | adjoint.Checkpoints.Phase
                | adjoint.Dy.Phase | adjoint.Du.Phase | adjoint.DDelta.Phase | adjoint.DA.Phase | adjoint.DD.Phase) == 0;
        if (adjoint.Dy.IsNarrow == 0)
        {
            if (isOne)
            {
                LaunchGroups<Float32Ones, OneChannel>(device, adjoint);
            }
            else if (byFour)
            {
                LaunchGroups<Float32Fours>(device, adjoint);
            }
            else
            {
                LaunchGroups<Float32Ones>(device, adjoint);
            }
        }
        else if (isOne)
        {
            LaunchGroups<BFloat16Ones, OneChannel>(device, adjoint);
        }
        else if (byFour)
        {
            LaunchGroups<BFloat16Fours>(device, adjoint);
        }
        else
        {
            LaunchGroups<BFloat16Ones>(device, adjoint);
        }
    }

    private static void LaunchGroups<TFour>(Device device, ScanAdjoint adjoint)
        where TFour : struct, IFour
    {
        if (adjoint.View.Layout.Width == 4)
        {
            LaunchGroups<TFour, FourChannels>(device, adjoint);
        }
        else
        {
            LaunchGroups<TFour, ThreeChannels>(device, adjoint);
        }
    }

    private static void LaunchGroups<TFour, TWidth>(Device device, ScanAdjoint adjoint)
        where TFour : struct, IFour
        where TWidth : struct, IScanWidth
    {
        ScanLayout l = adjoint.View.Layout;
        Index3D groups = new(adjoint.Groups, 2 * l.Batch, l.Chunks);
        if (IsShared<TFour, TWidth>(device))
        {
            for (int first = 0; first < l.States; first += ScanGroup.States)
            {
                device.Warps(
                    new ScanBackwardWarps<TFour, TWidth>(adjoint, first, ScanGroup.Blocks), groups, ScanGroup.Threads, ScanBackwardWarps<TFour, TWidth>.SharedBytes);
            }

            return;
        }

        using ArenaScope scope = device.Scratch.Scope();
        Tensor states = device.Scratch.Rent(new(l.Strips * adjoint.Groups, ScanBackwardGroups<TFour, TWidth>.ScratchLength));
        for (int first = 0; first < l.States; first += ScanGroup.States)
        {
            device.Groups(new ScanBackwardGroups<TFour, TWidth>(adjoint, states.Memory, first, ScanGroup.Blocks), groups, ScanGroup.Threads);
        }
    }

    /// <summary>Whether three groups of a multiprocessor have room for all that they keep in shared memory; simulated warps have, and a planned GPU.</summary>
    private static bool IsShared<TFour, TWidth>(Device device)
        where TFour : struct, IFour
        where TWidth : struct, IScanWidth
    {
        // Bytes of a group that the driver takes.
        const int reserved = 1024;
        bool isInstance = TFour.IsByFour && (TWidth.Channels == 3 || (TWidth.Channels == 4 && TFour.Pairs == 1));
        return isInstance && device.Kind switch
        {
            DeviceKind.Cuda => (device.IsPlan || device.Accelerator is CudaAccelerator { Architecture.Major: >= 9 })
                && device.MostSharedMemory - (2 * reserved) >= 3 * ScanBackwardWarps<TFour, TWidth>.SharedBytes,
            DeviceKind.CpuSimt => device.HasTensorCores,
            _ => false,
        };
    }
}
