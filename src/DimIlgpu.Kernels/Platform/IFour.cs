using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// Four adjacent elements as a thread moves them: how they are stored, and whether they start at multiples of four. As a type
/// argument of a kernel, for a branch between a load and its use would wait for it.
/// </summary>
internal interface IFour
{
    /// <summary>Whether elements start at multiples of four.</summary>
    static abstract bool IsByFour { get; }

    /// <summary>Elements from one index of <see cref="Load"/> and <see cref="Store"/> to the next: shifting each would cost an instruction.</summary>
    static abstract int Unit { get; }

    /// <summary>The first <paramref name="count"/> of four elements as they are stored, the others 0.</summary>
    static abstract WordQuad Load(Floats memory, long index, int count);

    /// <summary>Pairs of words that <see cref="Copy"/> writes.</summary>
    static abstract int Pairs { get; }

    /// <summary>Has four elements copied to shared memory, where CUDA has instructions for that, while the thread goes on; zeros unless <paramref name="count"/> is positive.</summary>
    static abstract void Copy(ArrayView<WordPair> shared, Floats memory, long index, int count);

    /// <summary>What <see cref="Copy"/> brought.</summary>
    static abstract WordQuad Copied(ArrayView<WordPair> shared);

    /// <summary>What <see cref="Load"/> brought, as float32.</summary>
    static abstract FloatQuad Widen(WordQuad stored);

    /// <summary>Writes the first <paramref name="count"/> of four elements.</summary>
    static abstract void Store(Floats memory, long index, int count, FloatQuad value);

    /// <summary>The same of memory that is float32 in any case.</summary>
    static abstract FloatQuad LoadFloats(Floats memory, long index, int count);

    /// <inheritdoc cref="LoadFloats"/>
    static abstract void StoreFloats(Floats memory, long index, int count, FloatQuad value);
}

/// <summary>float32 at multiples of four; a count is 0 or 4.</summary>
internal readonly struct Float32Fours : IFour
{
    public static bool IsByFour => true;

    public static int Unit => 4;

    public static WordQuad Load(Floats memory, long index, int count)
    {
        WordQuad stored = default;
        if (count > 0)
        {
            stored = memory.View.Cast<WordQuad>()[index];
        }

        return stored;
    }

    public static int Pairs => 2;

    public static void Copy(ArrayView<WordPair> shared, Floats memory, long index, int count) =>
        TensorCores.Copy(ref shared.Cast<WordQuad>()[0], 0, ref memory.View.Cast<WordQuad>()[0], 16 * index, 0, count > 0 ? 1 : 0, 0, 1);

    public static WordQuad Copied(ArrayView<WordPair> shared) => shared.Cast<WordQuad>()[0];

    public static FloatQuad Widen(WordQuad stored) => new(
        Interop.IntAsFloat((uint)stored.X), Interop.IntAsFloat((uint)stored.Y), Interop.IntAsFloat((uint)stored.Z), Interop.IntAsFloat((uint)stored.W));

    public static void Store(Floats memory, long index, int count, FloatQuad value)
    {
        if (count > 0)
        {
            memory.View.Cast<FloatQuad>()[index] = value;
        }
    }

    public static FloatQuad LoadFloats(Floats memory, long index, int count)
    {
        FloatQuad value = default;
        if (count > 0)
        {
            value = memory.View.Cast<FloatQuad>()[index >> 2];
        }

        return value;
    }

    public static void StoreFloats(Floats memory, long index, int count, FloatQuad value)
    {
        if (count > 0)
        {
            memory.View.Cast<FloatQuad>()[index >> 2] = value;
        }
    }
}

/// <summary>float32 anywhere.</summary>
internal readonly struct Float32Ones : IFour
{
    public static bool IsByFour => false;

    public static int Unit => 1;

    public static WordQuad Load(Floats memory, long index, int count)
    {
        FloatQuad value = LoadFloats(memory, index, count);
        return new()
        {
            X = (int)Interop.FloatAsInt(value.X),
            Y = (int)Interop.FloatAsInt(value.Y),
            Z = (int)Interop.FloatAsInt(value.Z),
            W = (int)Interop.FloatAsInt(value.W),
        };
    }

    public static int Pairs => 2;

    public static void Copy(ArrayView<WordPair> shared, Floats memory, long index, int count) =>
        shared.Cast<WordQuad>()[0] = Load(memory, index, count);

    public static WordQuad Copied(ArrayView<WordPair> shared) => shared.Cast<WordQuad>()[0];

    public static FloatQuad Widen(WordQuad stored) => Float32Fours.Widen(stored);

    public static void Store(Floats memory, long index, int count, FloatQuad value) => StoreFloats(memory, index, count, value);

    public static FloatQuad LoadFloats(Floats memory, long index, int count) => new(
        count > 0 ? memory.View[index] : 0f, count > 1 ? memory.View[index + 1] : 0f,
        count > 2 ? memory.View[index + 2] : 0f, count > 3 ? memory.View[index + 3] : 0f);

    public static void StoreFloats(Floats memory, long index, int count, FloatQuad value)
    {
        if (count > 0)
        {
            memory.View[index] = value.X;
        }

        if (count > 1)
        {
            memory.View[index + 1] = value.Y;
        }

        if (count > 2)
        {
            memory.View[index + 2] = value.Z;
        }

        if (count > 3)
        {
            memory.View[index + 3] = value.W;
        }
    }
}

/// <summary>bfloat16 at multiples of four; a count is 0 or 4.</summary>
internal readonly struct BFloat16Fours : IFour
{
    public static bool IsByFour => true;

    public static int Unit => 4;

    public static WordQuad Load(Floats memory, long index, int count)
    {
        WordPair pair = default;
        if (count > 0)
        {
            pair = memory.Halves.Cast<WordPair>()[index];
        }

        return new() { X = pair.X, Y = pair.Y };
    }

    public static int Pairs => 1;

    public static void Copy(ArrayView<WordPair> shared, Floats memory, long index, int count) =>
        TensorCores.CopyPair(ref shared[0], ref memory.Halves.Cast<WordPair>()[0], 8 * index, count > 0 ? 8 : 0);

    public static WordQuad Copied(ArrayView<WordPair> shared) => new() { X = shared[0].X, Y = shared[0].Y };

    public static FloatQuad Widen(WordQuad stored) => new(
        Interop.IntAsFloat((uint)stored.X << 16), Interop.IntAsFloat((uint)stored.X & 0xffff0000u),
        Interop.IntAsFloat((uint)stored.Y << 16), Interop.IntAsFloat((uint)stored.Y & 0xffff0000u));

    public static void Store(Floats memory, long index, int count, FloatQuad value)
    {
        if (count > 0)
        {
            memory.Halves.Cast<WordPair>()[index] = new()
            {
                X = TensorCores.RoundBFloat16(value.X, value.Y),
                Y = TensorCores.RoundBFloat16(value.Z, value.W),
            };
        }
    }

    public static FloatQuad LoadFloats(Floats memory, long index, int count) => Float32Fours.LoadFloats(memory, index, count);

    public static void StoreFloats(Floats memory, long index, int count, FloatQuad value) =>
        Float32Fours.StoreFloats(memory, index, count, value);
}

/// <summary>bfloat16 anywhere.</summary>
internal readonly struct BFloat16Ones : IFour
{
    public static bool IsByFour => false;

    public static int Unit => 1;

    public static WordQuad Load(Floats memory, long index, int count)
    {
        int x = count > 0 ? memory.Halves[index] : 0, y = count > 1 ? memory.Halves[index + 1] : 0;
        int z = count > 2 ? memory.Halves[index + 2] : 0, w = count > 3 ? memory.Halves[index + 3] : 0;
        return new() { X = x | (y << 16), Y = z | (w << 16) };
    }

    public static int Pairs => 1;

    public static void Copy(ArrayView<WordPair> shared, Floats memory, long index, int count)
    {
        WordQuad four = Load(memory, index, count);
        shared[0] = new() { X = four.X, Y = four.Y };
    }

    public static WordQuad Copied(ArrayView<WordPair> shared) => new() { X = shared[0].X, Y = shared[0].Y };

    public static FloatQuad Widen(WordQuad stored) => BFloat16Fours.Widen(stored);

    public static void Store(Floats memory, long index, int count, FloatQuad value)
    {
        if (count > 0)
        {
            memory.Halves[index] = BFloat16.Round(value.X);
        }

        if (count > 1)
        {
            memory.Halves[index + 1] = BFloat16.Round(value.Y);
        }

        if (count > 2)
        {
            memory.Halves[index + 2] = BFloat16.Round(value.Z);
        }

        if (count > 3)
        {
            memory.Halves[index + 3] = BFloat16.Round(value.W);
        }
    }

    public static FloatQuad LoadFloats(Floats memory, long index, int count) => Float32Ones.LoadFloats(memory, index, count);

    public static void StoreFloats(Floats memory, long index, int count, FloatQuad value) =>
        Float32Ones.StoreFloats(memory, index, count, value);
}
