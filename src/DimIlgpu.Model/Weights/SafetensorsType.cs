namespace DimIlgpu.Model.Weights;

/// <summary>The element types of a safetensors file, under the names the format gives them.</summary>
public enum SafetensorsType
{
    /// <summary>IEEE double precision, 8 bytes.</summary>
    F64,

    /// <summary>IEEE single precision, 4 bytes.</summary>
    F32,

    /// <summary>IEEE half precision, 2 bytes.</summary>
    F16,

    /// <summary>The upper half of a single precision number, 2 bytes.</summary>
    BF16,

    /// <summary>Signed, 8 bytes.</summary>
    I64,

    /// <summary>Signed, 4 bytes.</summary>
    I32,

    /// <summary>Signed, 2 bytes.</summary>
    I16,

    /// <summary>Signed, 1 byte.</summary>
    I8,

    /// <summary>Unsigned, 1 byte.</summary>
    U8,

    /// <summary>0 or 1, 1 byte.</summary>
    BOOL,
}

/// <summary>Sizes and kinds of <see cref="SafetensorsType"/>.</summary>
public static class SafetensorsTypes
{
    /// <summary>Bytes per element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a type of the enumeration.</exception>
    public static int ByteSize(this SafetensorsType type) => type switch
    {
        SafetensorsType.F64 or SafetensorsType.I64 => 8,
        SafetensorsType.F32 or SafetensorsType.I32 => 4,
        SafetensorsType.F16 or SafetensorsType.BF16 or SafetensorsType.I16 => 2,
        SafetensorsType.I8 or SafetensorsType.U8 or SafetensorsType.BOOL => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Expected a safetensors element type."),
    };

    /// <summary>Whether the elements are floating-point numbers.</summary>
    public static bool IsFloatingPoint(this SafetensorsType type) => type <= SafetensorsType.BF16;

    internal static bool TryParse(string name, out SafetensorsType type)
    {
        (bool known, type) = name switch
        {
            "F64" => (true, SafetensorsType.F64),
            "F32" => (true, SafetensorsType.F32),
            "F16" => (true, SafetensorsType.F16),
            "BF16" => (true, SafetensorsType.BF16),
            "I64" => (true, SafetensorsType.I64),
            "I32" => (true, SafetensorsType.I32),
            "I16" => (true, SafetensorsType.I16),
            "I8" => (true, SafetensorsType.I8),
            "U8" => (true, SafetensorsType.U8),
            "BOOL" => (true, SafetensorsType.BOOL),
            _ => (false, default),
        };
        return known;
    }
}
