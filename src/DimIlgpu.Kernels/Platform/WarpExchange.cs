using System.Runtime.InteropServices;
using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Lets the simulated threads of a warp see a value of each other, at the price of one barrier.</summary>
/// <remarks>Shuffles would move one value at a time, and each costs three barriers.</remarks>
internal static unsafe class WarpExchange
{
    private const int SlotBytes = 256;

    // Two sets in turn: a thread may write the next value while a slower one still reads the last. They are never given
    // back: simulated threads live as long as their device, and only tests open one.
    [ThreadStatic]
    private static byte* slots;

    [ThreadStatic]
    private static int turn;

    /// <summary>The values of all threads of the warp, by lane, until the next call but one.</summary>
    public static T* All<T>(T value)
        where T : unmanaged
    {
        if (slots is null)
        {
            long mine = Warp.LaneIdx == 0 ? (long)NativeMemory.Alloc(2 * TensorCores.Warp * SlotBytes) : 0;
            slots = (byte*)Warp.Shuffle(mine, 0);
        }

        turn ^= 1;
        T* all = (T*)(slots + (turn * TensorCores.Warp * SlotBytes));
        all[Warp.LaneIdx] = value;
        Warp.Barrier();
        return all;
    }
}
